/*
 * The guest that a .vmx names: guestOS = "darwin16-64" is macOS 10.12. What was
 * chosen when the VM was made; nobody changes it when macOS is upgraded in it, so
 * the guest may be newer.
 */
#ifndef MACOS_GUEST_OS_H
#define MACOS_GUEST_OS_H

#include "orchestrator/macos/macos_version.h"

/** False, and *ret all zero, for another system and for NULL. */
bool macos_of_guest_os(const char *guest_os, struct macos_version *ret);

#endif
