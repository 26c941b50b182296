# lossd: `make help` lists the commands, `make run` and `make test` need nothing
# but make on a fresh Debian 12 or 13.
#
# Sources are found by folder: a new loss, endpoint or test needs no line here.

# ---- What a user may set ---------------------------------------------------

ifeq ($(origin CC),default)
CC := gcc
endif
CXX ?= $(if $(findstring clang,$(CC)),$(subst clang,clang++,$(CC)),g++)
ifeq ($(origin CXX),default)
CXX := $(if $(findstring clang,$(CC)),$(subst clang,clang++,$(CC)),$(subst gcc,g++,$(CC)))
endif
# Comes last on every command line, so CFLAGS=-O0 means that.
CFLAGS ?= -g
# address, undefined, thread, or address,undefined: a build of its own each.
SAN ?=
# Warnings are errors with the compilers of Debian 12 and 13, which the project
# is tested with; the new warning of a newer one must not break a user's build.
WERROR ?= $(if $(filter 12 14 19,$(firstword $(subst ., ,$(CC_VERSION)))),1,0)
PREFIX ?= /usr/local
DESTDIR ?=
LISTEN ?= 127.0.0.1:8080
FUZZ_SECONDS ?= 60

# ---- Machine and compiler --------------------------------------------------

# All cores, unless -j says otherwise.
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j$(shell nproc)
endif
MAKEFLAGS += --no-builtin-rules --no-print-directory
.DELETE_ON_ERROR:

CC_VERSION := $(shell $(CC) -dumpversion 2>/dev/null)
MACHINE := $(firstword $(subst -, ,$(shell $(CC) -dumpmachine 2>/dev/null)))

# Each kernel is compiled once for every one of these; the CPU chooses at start.
ISAS_x86_64 := baseline v3 v4
ISAS := $(or $(ISAS_$(MACHINE)),baseline)
REALS := 32 64
MARCH_v3 := -march=x86-64-v3
MARCH_v4 := -march=x86-64-v4 -mprefer-vector-width=512

# build/ for plain gcc, build/<compiler>-<sanitizers>/ beside it for the others.
comma := ,
empty :=
VARIANT := $(subst $(comma),-,$(subst $(empty) $(empty),-,$(strip \
	$(notdir $(filter-out gcc,$(CC))) $(SAN) $(if $(FUZZER),fuzzer))))
B := build$(if $(VARIANT),/$(VARIANT))

# ---- Sources ---------------------------------------------------------------

# Compiled for every ISA and dtype.
KERNEL_C := $(wildcard lib/losses/*.c lib/diagnose/kernels/*.c)
API_KERNEL_C := api/shortest.c
LIB_C    := $(wildcard lib/*.c lib/simd/*.c lib/diagnose/*.c)
API_C    := $(filter-out $(API_KERNEL_C),$(wildcard api/*.c))
API_CC   := $(wildcard api/*.cc)
SERVER_C := $(wildcard server/*.c)

# One program each; the rest of tests/ belongs to the check runner, and what is
# neither a suite nor the runner's main() to all of them.  A *_variant.c is
# compiled like a loss.
VARIANT_C := $(wildcard tests/*_variant.c)
PROGRAM_C := $(wildcard tests/bench/*.c tests/ulp.c tests/describe.c)
TEST_C    := $(filter-out $(VARIANT_C) $(PROGRAM_C), \
	$(wildcard tests/*.c tests/lib/*.c tests/api/*.c tests/server/*.c))
SUPPORT_C := $(foreach f,$(TEST_C),$(if $(filter test_%.c main.c,$(notdir $f)),,$f))
SUITES    := $(sort $(patsubst test_%.c,%,$(filter test_%.c,$(notdir $(TEST_C)))))
# Last, because it looks at what the others were answered.
SUITES    := $(filter-out api_replies,$(SUITES)) api_replies
FUZZ      := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))

# $(call objects,sources) and $(call variants,sources)
objects  = $(addprefix $(B)/,$(addsuffix .o,$(basename $(1))))
variants = $(foreach isa,$(ISAS),$(foreach real,$(REALS), \
	$(addprefix $(B)/,$(1:.c=.$(isa).f$(real).o))))

LIB_O     := $(call objects,$(LIB_C)) $(call variants,$(KERNEL_C))
API_O     := $(call objects,$(API_C) $(API_CC)) $(call variants,$(API_KERNEL_C))
SERVER_O  := $(call objects,$(SERVER_C))
SUPPORT_O := $(call objects,$(SUPPORT_C)) $(call variants,$(VARIANT_C))
TEST_O    := $(sort $(call objects,$(TEST_C)) $(SUPPORT_O))
PROGRAMS  := $(patsubst %.c,$(B)/%,$(PROGRAM_C))
REPLAYS   := $(FUZZ:%=$(B)/tests/fuzz/replay_%)

# ---- Flags -----------------------------------------------------------------

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wvla $(if $(filter 1,$(WERROR)),-Werror)
WARN_C := $(WARN) -Wstrict-prototypes -Wmissing-prototypes
OPT := $(if $(SAN),-O1,-O2)
# clang does it by itself, and does not know the name.
UNSWITCH := $(if $(findstring clang,$(CC)),,-funswitch-loops)
OPT_LOSS := $(if $(SAN),-O1,-O2) -fno-tree-vectorize -fno-tree-slp-vectorize $(UNSWITCH)
# Here the compiler makes the vectors.
OPT_KERNEL_api := $(if $(SAN),-O1,-O3)

# glibc's checks and those of a sanitizer are in each other's way.
HARDEN := -fstack-protector-strong $(if $(SAN),,-D_FORTIFY_SOURCE=2)
SANITIZE := $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer) \
	$(if $(FUZZER),-fsanitize=fuzzer-no-link)

# Every sum and product rounds by itself, on every machine: the results are the
# same bits everywhere.  fma stands in the source where it is meant.
EXACT := -ffp-contract=off -fno-math-errno -Wno-psabi

pkg = $(shell pkg-config $(1) 2>/dev/null)
CFLAGS_jansson := $(call pkg,--cflags jansson)
CFLAGS_http    := $(call pkg,--cflags libmicrohttpd libuv zlib libzstd)
MISSING := $(if $(call pkg,--modversion jansson libmicrohttpd libuv zlib libzstd),,missing)

# A folder sees its own headers and those below it: server -> api -> lib.
FLAGS_lib    := -Ilib -fPIC -fvisibility=hidden $(EXACT)
FLAGS_api    := -Iapi -Ilib -fPIE $(CFLAGS_jansson)
FLAGS_server := -Iserver $(FLAGS_api) $(CFLAGS_http)
FLAGS_tests  := -Itests -I$(B)/tests -I. $(FLAGS_server) $(EXACT)

FLAGS_all := -pthread -MMD -MP $(HARDEN) $(SANITIZE)
COMPILE_C  = $(CC) -std=gnu11 $(WARN_C) $(OPT) $(FLAGS_all)
COMPILE_CC = $(CXX) -std=c++17 -fno-exceptions -fno-rtti $(WARN) $(OPT) $(FLAGS_all)
folder = $(firstword $(subst /, ,$(1)))

# The one C++ file needs a few functions of libstdc++ and no C++ driver.
LIBS_lib    := -lm
LIBS_api    := $(call pkg,--libs jansson) -l:libstdc++.a $(LIBS_lib)
LIBS_server := $(call pkg,--libs libmicrohttpd libuv zlib libzstd) $(LIBS_api)
LIBS_tests  := $(call pkg,--libs check) $(LIBS_server)
LINK = $(CC) -pie -pthread -static-libgcc -Wl,-z,relro,-z,now -Wl,--as-needed $(SANITIZE) \
	$(CFLAGS) $(LDFLAGS)

# One short line for each step; V=1 shows the commands.
Q := $(if $(V),,@)
say = @$(if $(V),:,echo "  $(1)	$(patsubst $(B)/%,%,$@)")

# ---- Building --------------------------------------------------------------

.PHONY: all
all: $(B)/lossd $(B)/libloss.a $(B)/libloss.so ## build the daemon and the library

$(B)/lossd: $(SERVER_O) $(API_O) $(B)/libloss.a
	$(call say,LD)
	$(Q)$(LINK) -o $@ $^ $(LIBS_server)

$(B)/libloss.a: $(LIB_O)
	$(call say,AR)
	$(Q)rm -f $@
	$(Q)ar rcs $@ $^

VERSION := $(shell sed -n 's/^.define LOSS_VERSION "\(.*\)"/\1/p' lib/loss.h)
SO_VERSION := $(firstword $(subst ., ,$(VERSION)))
$(B)/libloss.so: $(LIB_O) lib/loss.map
	$(call say,LD)
	$(Q)$(CC) -shared -Wl,-soname,libloss.so.$(SO_VERSION) -Wl,--version-script=lib/loss.map \
		-Wl,-z,relro,-z,now $(if $(SAN),,-Wl,-z,defs) $(SANITIZE) $(CFLAGS) $(LDFLAGS) \
		-o $@ $(LIB_O) $(LIBS_lib)

$(B)/%.o: %.c $(B)/flags
	$(call say,CC)
	@mkdir -p $(@D)
	$(Q)$(COMPILE_C) $(FLAGS_$(call folder,$*)) $(CFLAGS) -c -o $@ $<

$(B)/%.o: %.cc $(B)/flags
	$(call say,CXX)
	@mkdir -p $(@D)
	$(Q)$(COMPILE_CC) $(FLAGS_$(call folder,$*)) $(CFLAGS) -c -o $@ $<

# $(call loss_rule,isa,real): one source, every CPU, both dtypes.  Of debug
# information the lines alone: all of it would be nine tenths of the objects.
define loss_rule
$(B)/%.$(1).f$(2).o: %.c $(B)/flags
	$$(call say,CC)
	@mkdir -p $$(@D)
	$$(Q)$$(COMPILE_C) $$(FLAGS_$$(call folder,$$*)) \
		$$(or $$(OPT_KERNEL_$$(call folder,$$*)),$(OPT_LOSS)) $(MARCH_$(1)) \
		-DLOSS_ISA=$(1) -DLOSS_REAL=$(2) $$(patsubst -g,-g1,$$(CFLAGS)) -c -o $$@ $$<
endef
$(foreach isa,$(ISAS),$(foreach real,$(REALS),$(eval $(call loss_rule,$(isa),$(real)))))

# $(call if_changed,text): write the target only if its content would change.
if_changed = mkdir -p $(@D) && printf '%s\n' '$(1)' | cmp -s - $@ || printf '%s\n' '$(1)' > $@

# Everything is rebuilt when a flag changes.
$(B)/flags: FORCE
	@$(if $(MISSING),echo "some packages are missing: make packages" >&2; exit 1)
	@$(call if_changed,$(COMPILE_C) $(COMPILE_CC) $(LINK) $(OPT_LOSS) $(OPT_KERNEL_api) $(MARCH_v4) $(FLAGS_lib))

.PHONY: FORCE
FORCE:

# ---- Running ---------------------------------------------------------------

.PHONY: run packages
run: ## install what is missing, build, start lossd and print a curl line
	@deploy/install-packages build run
	@$(MAKE) all
	@deploy/run.sh $(B)/lossd $(LISTEN)

packages: ## install the Debian packages that are missing
	@deploy/install-packages build run test

# ---- Tests -----------------------------------------------------------------

# Each part is a target of its own: make test-unit, make test-server, ...
PARTS := headers links install described unit fuzz server

.PHONY: test check $(PARTS:%=test-%)
test: ## install what is missing, build and run every test
	@deploy/install-packages build run test
	@$(MAKE) check

check: ## the tests without the installation of packages
	@$(MAKE) all $(B)/tests/run $(REPLAYS)
	@MAKE="$(MAKE)" tests/parts.sh $(PARTS)

test-headers: ## every public header compiles alone
	@CC="$(CC)" CXX="$(CXX)" tests/links/headers.sh

test-links: $(B)/libloss.a $(B)/libloss.so $(API_O) ## the direction of dependencies
	@CC="$(CC)" LIBS_API="$(LIBS_api)" SANITIZE="$(SANITIZE)" tests/links/links.sh $(B) $(API_O)

test-install: all ## what is installed can be used and removed
	@CC="$(CC)" SANITIZE="$(SANITIZE)" MAKE="$(MAKE)" tests/links/install.sh $(B)

test-described: $(B)/tests/describe ## what is generated and committed is up to date
	@tests/describe.sh check $<

test-unit: $(B)/tests/run ## the check suites; SUITE="a b" runs only these
	$(if $(SAN),CK_TIMEOUT_MULTIPLIER=10) $(B)/tests/run $(SUITE)

test-server: $(B)/lossd ## the daemon from outside
	LOSSD_BIN=$(abspath $(B)/lossd) /usr/bin/python3 -B -m unittest discover -s tests/server

test-fuzz: $(REPLAYS) ## every input the fuzzers have kept
	@set -e; for name in $(FUZZ); do \
		echo "fuzz corpus: $$name"; \
		$(B)/tests/fuzz/replay_$$name tests/fuzz/corpus/$$name; \
	done

# main() is the daemon's or the runner's.
TESTED_O := $(filter-out %/main.o,$(SERVER_O)) $(API_O) $(B)/libloss.a

$(B)/tests/run: $(TEST_O) $(TESTED_O)
	$(call say,LD)
	$(Q)$(LINK) -o $@ $^ $(LIBS_tests)

# The runner's table: one row for each test_<name>.c.
$(B)/tests/main.o: $(B)/tests/suites.inc
$(B)/tests/suites.inc: FORCE
	@$(call if_changed,$(foreach suite,$(SUITES),SUITE($(suite))))

$(PROGRAMS): $(B)/%: $(B)/%.o $(SUPPORT_O) $(TESTED_O)
	$(call say,LD)
	$(Q)$(LINK) -o $@ $^ $(LIBS_tests)

$(REPLAYS): $(B)/tests/fuzz/replay_%: $(B)/tests/fuzz/fuzz_%.o $(B)/tests/fuzz/replay.o $(B)/tests/fuzz/asking.o $(TESTED_O)
	$(call say,LD)
	$(Q)$(LINK) -o $@ $^ $(LIBS_server)

.PHONY: describe ulp ulp-losses bench bench-deps diagnose-bench
describe: $(B)/tests/describe ## write api/openapi.json and the README's tables anew
	@tests/describe.sh write $<

ulp: $(B)/tests/ulp ## the accuracy of the elementary functions, over every float32
	$< --full

ulp-losses: $(B)/lossd ## the accuracy of the float32 losses, over golden cases drawn anew; LOSS="l1 mse" measures only these
	/usr/bin/python3 -B tests/golden/measure.py $< $(LOSS)

BENCH := $(patsubst %.c,$(B)/%,$(wildcard tests/bench/*.c))
bench: $(BENCH) $(B)/lossd ## speed beside the peers and the limits; PART="requests numbers" runs only these
	@/usr/bin/python3 -B tests/bench/bench.py $(B) $(PART)

diagnose-bench: $(B)/tests/bench/diagnose ## faults that were planted, healthy batches, and what looking costs
	$<

# Debian 12 has no orjson; without it FastAPI uses Python's own json.
bench-deps: ## install what lossd is compared with
	@deploy/install-packages build bench
	@/usr/bin/python3 -m pip install --quiet --upgrade --target $(B)/bench/python orjson || \
		echo "no orjson: FastAPI will do without"

# ---- Fuzzing ---------------------------------------------------------------

.PHONY: fuzz fuzz-run
fuzz: ## let clang's libFuzzer search for FUZZ_SECONDS (60) per target
	@deploy/install-packages build dev
	@$(MAKE) CC=clang SAN=address,undefined FUZZER=1 fuzz-run

FUZZERS := $(FUZZ:%=$(B)/tests/fuzz/fuzz_%)
$(FUZZERS): %: %.o $(B)/tests/fuzz/asking.o $(TESTED_O)
	$(call say,LD)
	$(Q)$(LINK) -fsanitize=fuzzer -o $@ $^ $(LIBS_server)

# New inputs go to build/; keep a telling one by copying it to tests/fuzz/corpus/.
fuzz-run: $(FUZZERS)
	@set -e; for name in $(FUZZ); do \
		mkdir -p $(B)/corpus/$$name; \
		$(B)/tests/fuzz/fuzz_$$name -max_total_time=$(FUZZ_SECONDS) \
			-artifact_prefix=$(B)/corpus/$$name- \
			$(B)/corpus/$$name tests/fuzz/corpus/$$name; \
	done

# ---- Tidiness --------------------------------------------------------------

STYLED = $(shell find lib api server tests -name '*.[ch]' -o -name '*.cc')

.PHONY: format format-check lint
format: ## lay out the sources with clang-format
	clang-format -i $(STYLED)

format-check: ## fail if `make format` would change anything
	clang-format --dry-run -Werror $(STYLED)

# What is initialised is better known to clang-tidy's analyzer, and what is in
# headers that cppcheck does not read, to a compiler.  clang-tidy takes a file at a
# time: with several it takes what it knows of one into the next.
TIDY = xargs -n 1 -P $$(nproc) sh -c 'clang-tidy --quiet "$$1" -- -std=gnu11 $(1)' tidy
lint: ## cppcheck, clang-tidy and shellcheck
	cppcheck --quiet --std=c11 --language=c --enable=warning,performance,portability \
		--suppress=uninitvar --suppress=ctuuninitvar --suppress=preprocessorErrorDirective \
		--inline-suppr --error-exitcode=1 \
		-Ilib -Iapi -Iserver -DLOSS_ISA=baseline -DLOSS_REAL=32 \
		$(LIB_C) $(KERNEL_C) $(API_C) $(API_KERNEL_C) $(SERVER_C)
	shellcheck -S warning .ci/run deploy/install-packages $(wildcard deploy/*.sh tests/*.sh tests/*/*.sh)
	printf '%s\n' $(LIB_C) $(API_C) $(SERVER_C) | $(call TIDY,-Ilib -Iapi -Iserver)
	printf '%s\n' $(KERNEL_C) $(API_KERNEL_C) | $(call TIDY,-Ilib -DLOSS_ISA=baseline -DLOSS_REAL=32)

# ---- Installing ------------------------------------------------------------

TO = $(DESTDIR)$(PREFIX)
PUBLIC_H := lib/loss.h lib/loss_diagnose.h lib/loss_findings.h
INSTALLED = bin/lossd $(PUBLIC_H:lib/%=include/%) lib/libloss.a lib/libloss.so \
	lib/libloss.so.$(SO_VERSION) lib/libloss.so.$(VERSION) lib/pkgconfig/loss.pc

.PHONY: install uninstall
install: all ## install the daemon and the library under DESTDIR and PREFIX
	install -D -m 755 -t $(TO)/bin $(B)/lossd
	install -D -m 644 -t $(TO)/include $(PUBLIC_H)
	install -D -m 644 -t $(TO)/lib $(B)/libloss.a
	install -D -m 755 $(B)/libloss.so $(TO)/lib/libloss.so.$(VERSION)
	ln -sf libloss.so.$(VERSION) $(TO)/lib/libloss.so.$(SO_VERSION)
	ln -sf libloss.so.$(SO_VERSION) $(TO)/lib/libloss.so
	install -d $(TO)/lib/pkgconfig
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@VERSION@|$(VERSION)|' lib/loss.pc.in \
		> $(TO)/lib/pkgconfig/loss.pc

uninstall: ## remove what install installed
	rm -f $(addprefix $(TO)/,$(INSTALLED))

# ---- Images ----------------------------------------------------------------

.PHONY: image image-test
image: ## build the container image with docker, podman or buildah
	deploy/image.sh

image-test: ## build the image on a debootstrap base, run it and ask it
	deploy/image-test.sh

# ---- The rest --------------------------------------------------------------

.PHONY: clean help
clean: ## remove build/
	rm -rf build

help: ## this list
	@echo "make [target] [CC=clang] [SAN=address|undefined|thread] [WERROR=1]"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' Makefile | expand -t 18

-include $(patsubst %.o,%.d,$(LIB_O) $(API_O) $(SERVER_O) $(TEST_O) \
	$(call objects,$(PROGRAM_C) $(wildcard tests/fuzz/*.c)))
