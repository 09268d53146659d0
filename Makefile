# paniclab: one Makefile for everything. `make help` lists the targets.

VERSION := 0.1.0
PREFIX  ?= /usr/local
DESTDIR ?=
CC      ?= cc
PKGCONF ?= pkg-config
SAN     ?=

ifeq ($(SAN),)
BUILD ?= build
else
BUILD ?= build/san
SANFLAGS := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
endif

WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wmissing-prototypes -Wformat=2 -Wvla
CFLAGS   ?= -O2 -g
ALL_CPPFLAGS = -I. -D_GNU_SOURCE -D_DARWIN_C_SOURCE -DPL_VERSION='"$(VERSION)"' $(CPPFLAGS)
ALL_CFLAGS   = -std=c11 $(WARNINGS) -pthread $(SANFLAGS) $(CFLAGS)
ALL_LDFLAGS  = -pthread $(SANFLAGS) $(LDFLAGS)

# What inflates gzip data: isal (ISA-L) where it is installed; GZ=zlib does without.
GZ := $(shell $(PKGCONF) --exists libisal 2>/dev/null && echo isal || echo zlib)
ALL_CPPFLAGS += $(if $(filter isal,$(GZ)),-DPL_HAVE_ISAL)

# pkg-config is asked when a recipe needs it, so that `make deps` works without.
pkg_cflags = $(shell $(PKGCONF) --cflags $(1))
pkg_libs   = $(shell $(PKGCONF) --libs $(1))
BASE_PKGS    := jansson zlib $(if $(filter isal,$(GZ)),libisal)
PROGRAM_PKGS := libcurl libssh2 liblz4 yaml-0.1 $(BASE_PKGS)
SIMLAB_PKGS  := libmicrohttpd $(BASE_PKGS)
TEST_PKGS    := cmocka

# V=1 shows the commands.
ifeq ($(V),)
Q := @
say = @printf '  %-5s %s\n' $(1) $(2)
else
say = @:
endif

# Jobs for the makes that demo and test start; a -j of yours wins.
JOBS := -j$(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
submake = $(MAKE) --no-print-directory $(if $(filter -j%,$(MAKEFLAGS)),,$(JOBS))

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SECONDARY:

# ---- layers: a folder is a library; the lists say what a layer may use ------

LAYERS := cmd run report fusion guest config host macos core server base
dir_base := base
dir_server := server
$(foreach l,cmd run report fusion guest config host macos core,$(eval dir_$(l) := orchestrator/$(l)))

uses_base   :=
uses_server := base
uses_core   := base
uses_config := base
uses_host   := base
uses_macos  := base
uses_fusion := config base
uses_guest  := config macos base
uses_report := base
uses_run    := report fusion guest config host macos core server base
uses_cmd    := run $(uses_run)

define layer
src_$(1) := $$(wildcard $$(dir_$(1))/*.c)
obj_$(1) := $$(patsubst %.c,$$(BUILD)/obj/%.o,$$(src_$(1))) $$(gen_$(1):%.c=%.o)
lib_$(1) := $$(BUILD)/lib/lib$(1).a
$$(BUILD)/lib/lib$(1).a: $$(obj_$(1))
	@mkdir -p $$(@D)
	@rm -f $$@
	$$(call say,AR,$$@)
	$$(Q)$$(AR) rcs $$@ $$^
endef

# Embedded files: guest scripts and templates become C arrays.
gen_guest  := $(BUILD)/gen/guest_scripts.c
gen_config := $(BUILD)/gen/config_templates.c
gen_report := $(BUILD)/gen/report_templates.c
gen_core   := $(BUILD)/gen/core_rules.c $(BUILD)/gen/core_debugger.c
gen_macos  := $(BUILD)/gen/macos_rules.c
SCRIPTS    := $(sort $(wildcard guest-scripts/*.sh))
$(foreach l,$(LAYERS),$(eval $(call layer,$(l))))

$(gen_guest): $(SCRIPTS) tools/embed.sh
	@mkdir -p $(@D)
	$(call say,EMBED,$@)
	$(Q)sh tools/embed.sh guest_scripts $(SCRIPTS) > $@
CONFIG_TEMPLATES := $(sort $(wildcard templates/*.yaml))
$(gen_config): $(CONFIG_TEMPLATES) tools/embed.sh
	@mkdir -p $(@D)
	$(call say,EMBED,$@)
	$(Q)sh tools/embed.sh config_templates $(CONFIG_TEMPLATES) > $@
REPORT_TEMPLATES := $(sort $(wildcard templates/report.*))
$(gen_report): $(REPORT_TEMPLATES) tools/embed.sh
	@mkdir -p $(@D)
	$(call say,EMBED,$@)
	$(Q)sh tools/embed.sh report_templates $(REPORT_TEMPLATES) > $@
MACOS_RULES := rules/boot-args.txt
CORE_RULES := $(filter-out $(MACOS_RULES),$(sort $(wildcard rules/*.txt)))
$(BUILD)/gen/core_rules.c: $(CORE_RULES) tools/embed.sh
	@mkdir -p $(@D)
	$(call say,EMBED,$@)
	$(Q)sh tools/embed.sh core_rules $(CORE_RULES) > $@
DEBUGGER_TEMPLATES := $(sort $(wildcard templates/*.lldb templates/*.gdb))
$(BUILD)/gen/core_debugger.c: $(DEBUGGER_TEMPLATES) tools/embed.sh
	@mkdir -p $(@D)
	$(call say,EMBED,$@)
	$(Q)sh tools/embed.sh core_debugger $(DEBUGGER_TEMPLATES) > $@
$(gen_macos): $(MACOS_RULES) tools/embed.sh
	@mkdir -p $(@D)
	$(call say,EMBED,$@)
	$(Q)sh tools/embed.sh macos_rules $(MACOS_RULES) > $@

$(BUILD)/gen/%.o: $(BUILD)/gen/%.c
	$(call say,CC,$<)
	$(Q)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -c -o $@ $<
$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(ALL_CPPFLAGS) $(call pkg_cflags,$(PROGRAM_PKGS)) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# Another GZ than last time compiles these again.
$(BUILD)/gen/gz: FORCE
	@mkdir -p $(@D)
	@echo $(GZ) | cmp -s - $@ || echo $(GZ) >$@
$(BUILD)/obj/base/gz.o $(BUILD)/obj/base/gz_isal.o: $(BUILD)/gen/gz
FORCE:

# ---- programs ----------------------------------------------------------------

PANICLAB := $(BUILD)/paniclab
all: $(PANICLAB)

$(PANICLAB): $(BUILD)/obj/orchestrator/main.o $(foreach l,$(LAYERS),$(lib_$(l)))
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(call pkg_libs,$(PROGRAM_PKGS))

# The simulated lab: every folder below tests/simlab/NAME is the program NAME,
# beside tests/simlab/*.c, which they share.
SIMLAB_SHARED := $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard tests/simlab/*.c))
SIMLAB_NAMES  := $(sort $(notdir $(patsubst %/,%,$(dir $(wildcard tests/simlab/*/*.c)))))
SIMLAB_PROGRAMS := $(addprefix $(BUILD)/,$(SIMLAB_NAMES))
lib_simlab := $(BUILD)/lib/libsimlab.a
$(lib_simlab): $(SIMLAB_SHARED)
	@mkdir -p $(@D)
	@rm -f $@
	$(call say,AR,$@)
	$(Q)$(AR) rcs $@ $^
define simlab_program
$$(BUILD)/$(1): $$(patsubst %.c,$$(BUILD)/obj/%.o,$$(wildcard tests/simlab/$(1)/*.c)) $$(lib_simlab) $$(lib_base)
	$$(call say,LD,$$@)
	$$(Q)$$(CC) $$(ALL_LDFLAGS) -o $$@ $$^ $$(call pkg_libs,$$(SIMLAB_PKGS))
endef
$(foreach n,$(SIMLAB_NAMES),$(eval $(call simlab_program,$(n))))
$(BUILD)/obj/tests/simlab/%.o: tests/simlab/%.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(ALL_CPPFLAGS) $(call pkg_cflags,$(SIMLAB_PKGS)) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<
simlab: $(SIMLAB_PROGRAMS)

# ---- tests -------------------------------------------------------------------

# A unit test of layer L lives in tests/unit/L/ and links L and what L may use.
UNIT_SRC := $(wildcard tests/unit/*/test_*.c)
UNIT_BIN := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(UNIT_SRC))
uses_simlab := base
define unit_layer
$$(BUILD)/unit/$(1)/%: $$(BUILD)/obj/tests/unit/$(1)/%.o $$(lib_$(1)) $$(foreach u,$$(uses_$(1)),$$(lib_$$(u)))
	@mkdir -p $$(@D)
	$$(call say,LD,$$@)
	$$(Q)$$(CC) $$(ALL_LDFLAGS) -o $$@ $$^ $$(call pkg_libs,$$(TEST_PKGS) $$(PROGRAM_PKGS))
endef
$(foreach l,$(LAYERS) simlab,$(eval $(call unit_layer,$(l))))

# A fuzz target tests/fuzz/fuzz_L_NAME.c links layer L; its seeds are in
# tests/fuzz/corpus/L_NAME/. With gcc (no libFuzzer) replay.c runs it over them.
FUZZ_SRC := $(wildcard tests/fuzz/fuzz_*.c)
FUZZ_REPLAY := $(patsubst tests/fuzz/fuzz_%.c,$(BUILD)/fuzz/replay_%,$(FUZZ_SRC))
FUZZ_BIN := $(patsubst tests/fuzz/fuzz_%.c,$(BUILD)/fuzz/fuzz_%,$(FUZZ_SRC))
# With libFuzzer each file is compiled once for all targets.
FUZZ_CC ?= clang
FUZZ_FLAGS := -std=c11 -O1 -g -pthread -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
fuzz_obj = $(patsubst %.c,$(BUILD)/fuzz/obj/%.o,$(1))
$(BUILD)/fuzz/obj/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(FUZZ_CC) $(ALL_CPPFLAGS) $(call pkg_cflags,$(PROGRAM_PKGS)) $(FUZZ_FLAGS) -MMD -MP -c -o $@ $<
fuzz_layer = $(firstword $(subst _, ,$(1)))
define fuzz_target
$$(BUILD)/fuzz/replay_$(1): $$(BUILD)/obj/tests/fuzz/fuzz_$(1).o $$(BUILD)/obj/tests/fuzz/replay.o $$(lib_$(2)) $$(foreach u,$$(uses_$(2)),$$(lib_$$(u)))
	@mkdir -p $$(@D)
	$$(call say,LD,$$@)
	$$(Q)$$(CC) $$(ALL_LDFLAGS) -o $$@ $$^ $$(call pkg_libs,$$(PROGRAM_PKGS))
$$(BUILD)/fuzz/fuzz_$(1): $$(call fuzz_obj,tests/fuzz/fuzz_$(1).c $$(src_$(2)) $$(foreach u,$$(uses_$(2)),$$(src_$$(u))) $$(gen_$(2)) $$(foreach u,$$(uses_$(2)),$$(gen_$$(u))))
	$$(call say,FUZZ,$$@)
	$$(Q)$$(FUZZ_CC) $$(FUZZ_FLAGS) -fsanitize=fuzzer -o $$@ $$^ $$(call pkg_libs,$$(PROGRAM_PKGS))
endef
$(foreach f,$(patsubst tests/fuzz/fuzz_%.c,%,$(FUZZ_SRC)),$(eval $(call fuzz_target,$(f),$(call fuzz_layer,$(f)))))

tests: $(UNIT_BIN) $(FUZZ_REPLAY)
-include $(shell find $(BUILD)/obj $(BUILD)/fuzz/obj -name '*.d' 2>/dev/null)

# One process a test; the last line is "N passed, N failed".
# TEST=PATTERN runs those whose path matches.
test: deps
	+$(submake) all simlab tests
	@sh tests/run.sh $(BUILD) $(TEST)

# Each fuzz target for FUZZ_TIME seconds (clang's libFuzzer), from its seeds.
FUZZ_TIME ?= 60
fuzz: $(FUZZ_BIN)
	@sh tests/fuzz/run.sh $(BUILD) $(FUZZ_TIME)

# Speed, beside what is possible; tests/bench/run.sh says which ARGS it takes.
BENCH := $(BUILD)/bench
$(BENCH): $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard tests/bench/*.c)) $(lib_base)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(call pkg_libs,$(BASE_PKGS))
BENCH_INFLATE := $(BUILD)/bench-inflate
$(BENCH_INFLATE): $(BUILD)/obj/tests/bench/inflate/inflate.o $(lib_base)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(call pkg_libs,$(BASE_PKGS))
bench: all simlab $(BENCH) $(BENCH_INFLATE)
	@sh tests/bench/run.sh $(BUILD) $(ARGS)

# ---- what a person types -----------------------------------------------------

deps:
	@sh tools/deps.sh
demo:
	@sh tools/deps.sh demo
	+$(submake) all simlab
	@sh tools/demo.sh $(BUILD)
check:
	@sh tools/check.sh

MAN1 := $(wildcard docs/*.1)
MAN5 := $(wildcard docs/*.5)
install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/man/man5
	install -m 755 $(PANICLAB) $(DESTDIR)$(PREFIX)/bin/paniclab
	for f in $(MAN1); do install -m 644 $$f $(DESTDIR)$(PREFIX)/share/man/man1/; done
	for f in $(MAN5); do install -m 644 $$f $(DESTDIR)$(PREFIX)/share/man/man5/; done
uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/paniclab
	for f in $(notdir $(MAN1)); do rm -f $(DESTDIR)$(PREFIX)/share/man/man1/$$f; done
	for f in $(notdir $(MAN5)); do rm -f $(DESTDIR)$(PREFIX)/share/man/man5/$$f; done
clean:
	rm -rf build

help:
	@echo 'make deps       install what building and testing need (apt-get or brew)'
	@echo 'make            build/paniclab            SAN=1: with ASan+UBSan, in build/san'
	@echo 'make demo       install, build, run the main job in the simulated lab'
	@echo 'make test       the same installs, then every test; ends with "N passed, N failed"'
	@echo 'make check      formatters and linters'
	@echo 'make fuzz       libFuzzer, FUZZ_TIME=60 seconds a target'
	@echo 'make bench      speed, a quarter of an hour; ARGS=--quick for a try'
	@echo 'make install    PREFIX=/usr/local, DESTDIR=;  make uninstall'
	@echo 'make clean'

.PHONY: FORCE all simlab tests test fuzz bench deps demo check install uninstall clean help
