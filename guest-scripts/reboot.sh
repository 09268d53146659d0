#!/bin/sh
# reboot.sh: restarts the guest, as root. The connection is lost on success.
set -u
PATH=/usr/bin:/bin:/usr/sbin:/sbin
echo "rebooting=1"
sync
exec reboot
