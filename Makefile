# lastcall: `make help` lists the targets.
#
# Sources are found by their folders, so a new file needs no change here:
#   core/<folder>/*.c          build/liblastcall.a
#   lua/binding/<folder>/*.c   build/lua/lastcall/core.so   (module lastcall.core, with the core inside)
#   tls/*/*.c                  build/lua/lastcall/tls/core.so   (module lastcall.tls.core, where OpenSSL's headers are)
#   examples/<name>.c          build/examples/<name>
#   bench/load/*.c             build/bench/load
#   bench/heads/*.c            build/bench/heads
#   bench/rivals/<name>.go     build/bench/<name>           (where Go is; <name>.c, where libuv is)
#   spec/support/clients/*.c   build/clients
#   spec/support/<x>_module.c  build/lua/spec_<x>.so        (module spec_<x>)
#   spec/support/faults.c      linked to each C test, and to spec_faults.so
#   spec/support/frame_protocol.c                          likewise, and to spec_frames.so
#   spec/lab/<name>.c          build/<name>
#   spec/oracle/llhttp.c       build/oracle                 (where Debian's node-llhttp is)
#   spec/core/test_<x>.c       build/spec/test_<x>          (the other files there are linked to each)
#   spec/sim/kernel/*.c        build/libsim.a               (the simulated kernel, and
#   spec/sim/*.c                                             schedules on it; main.c: build/sim)
#   spec/sim/supervise/*.c     build/sim-supervise          (the supervisor in Lua on it)
#   spec/fuzz/fuzz_<x>.c       build/fuzz/<x>               (replays its corpus; with ENGINE=1 it is libFuzzer's)
#   spec/sim/fidelity/*.c      build/fidelity               (the same scenes on it and on the real one)
#
# Variables: CC, CFLAGS, LDFLAGS, WERROR=1, V=1, SANITIZE=<list>, BUILD=<folder>.

CFLAGS ?= -O2 -g
BUILD ?= build
LUAROCKS ?= luarocks --lua-version 5.4

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wconversion
ifneq ($(filter 1 true yes,$(WERROR) $(CI)),)
WARNINGS += -Werror
endif

# One job for each processor, unless -j was given or an outer make decides.
ifeq ($(MAKELEVEL)$(filter -j%,$(MAKEFLAGS)),0)
MAKEFLAGS += -j$(shell nproc 2>/dev/null || echo 2)
endif
MAKEFLAGS += --no-print-directory
# Messages of compilers are kept together; what runs for long is seen as it happens.
ifeq ($(filter demo test browsers check lab fuzz faults hardships soak soak-http deny coverage asan valgrind tsan lint install,$(MAKECMDGOALS)),)
MAKEFLAGS += --output-sync=target
endif

LUA_CFLAGS ?= $(or $(shell for name in lua5.4 lua-5.4 lua54 lua; do \
  case $$(pkg-config --modversion $$name 2>/dev/null) in (5.4*) pkg-config --cflags $$name; break;; esac; \
  done),-I/usr/include/lua5.4)

LUA_LIBS ?= $(or $(shell for name in lua5.4 lua-5.4 lua54 lua; do \
  case $$(pkg-config --modversion $$name 2>/dev/null) in (5.4*) pkg-config --libs $$name; break;; esac; \
  done),-llua5.4)

ifneq ($(SANITIZE),)
# object-size guesses at what address knows.
SANITIZER_FLAGS := -fsanitize=$(SANITIZE) -fno-sanitize=object-size -fno-sanitize-recover=all -fno-omit-frame-pointer
endif

LANGUAGE := -std=c11 -D_GNU_SOURCE -pthread -MMD -MP
COMPILE = $(CC) $(LANGUAGE) $(WARNINGS) $(CFLAGS) $(SANITIZER_FLAGS)
WRAP := -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=free
LINK = $(CC) -pthread $(CFLAGS) $(SANITIZER_FLAGS) $(LDFLAGS)
# Programs are linked file by file: to optimize each of sixty as a whole took longer than to compile them.
LINK_PROGRAM = $(LINK) -fno-lto

# The module is optimized as a whole, across its files, by compilers that can do it: calls within it are then
# what they would be in one file. The objects serve those who link them file by file as well.
TOGETHER := -flto=auto -ffat-lto-objects
CAN_TOGETHER := echo 'int main(void) { return 0; }' | $(CC) -Werror $(TOGETHER) -x c -o /dev/null - 2>/dev/null
ifeq ($(and $(filter -O2 -O3,$(CFLAGS)),$(shell $(CAN_TOGETHER) && echo yes)),)
TOGETHER :=
endif

# What is being made, in a word; V=1 shows the commands themselves.
say = $(if $(V),,@printf '  %-5s %s\n' $(1) $@ &&)

# --- what there is ---------------------------------------------------------

# The rock lastcall-tls: a module of its own, built where OpenSSL's headers are there.
TLS_SOURCES := $(wildcard tls/*/*.c)
OPENSSL_CFLAGS ?= $(if $(OPENSSL_INCDIR),-I$(OPENSSL_INCDIR))
OPENSSL_LIBS ?= $(if $(OPENSSL_LIBDIR),-L$(OPENSSL_LIBDIR)) -lssl -lcrypto
HAS_OPENSSL := $(shell echo '\#include <openssl/ssl.h>' | $(CC) $(OPENSSL_CFLAGS) -E -o /dev/null - 2>/dev/null && echo yes)

CORE_SOURCES := $(wildcard core/*/*.c)
BINDING_SOURCES := $(wildcard lua/binding/*/*.c)
CLIENT_SOURCES := $(wildcard spec/support/clients/*.c)
TEST_SOURCES := $(wildcard spec/core/test_*.c)
FAULTS_SOURCE := spec/support/faults.c
FRAMES_SOURCE := spec/support/frame_protocol.c
SIM_KERNEL_SOURCES := $(wildcard spec/sim/kernel/*.c)
FUZZ_SOURCES := $(filter-out $(if $(HAS_OPENSSL),,%/fuzz_tls.c),$(wildcard spec/fuzz/fuzz_*.c))
FUZZ_HELPER_SOURCES := $(filter-out spec/fuzz/fuzz_%.c $(if $(ENGINE),spec/fuzz/replay.c),$(wildcard spec/fuzz/*.c))
FIDELITY_SOURCES := $(wildcard spec/sim/fidelity/*.c spec/sim/fidelity/scenes/*.c)
SIM_MAIN := spec/sim/main.c
SIM_SOURCES := $(SIM_KERNEL_SOURCES) $(filter-out $(SIM_MAIN),$(wildcard spec/sim/*.c))
TEST_HELPER_SOURCES := $(filter-out $(TEST_SOURCES),$(wildcard spec/core/*.c)) $(FAULTS_SOURCE) $(FRAMES_SOURCE)

objects = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
CORE := $(call objects,$(CORE_SOURCES))
TLS := $(if $(HAS_OPENSSL),$(call objects,$(TLS_SOURCES)))
BINDING := $(call objects,$(BINDING_SOURCES))
CLIENTS := $(call objects,$(CLIENT_SOURCES))
FAULTS := $(call objects,$(FAULTS_SOURCE))
FRAMES := $(call objects,$(FRAMES_SOURCE))
TEST_HELPERS := $(call objects,$(TEST_HELPER_SOURCES))
FUZZ_HELPERS := $(call objects,$(FUZZ_HELPER_SOURCES))
FIDELITY := $(call objects,$(FIDELITY_SOURCES))
SIM := $(call objects,$(SIM_SOURCES))

LIBRARY := $(if $(CORE),$(BUILD)/liblastcall.a)
TLS_MODULE := $(if $(TLS),$(BUILD)/lua/lastcall/tls/core.so)
MODULE := $(if $(BINDING),$(BUILD)/lua/lastcall/core.so)
SPEC_MODULE_SOURCES := $(filter-out $(if $(HAS_OPENSSL),,%/openssl_module.c),$(wildcard spec/support/*_module.c))
SPEC_MODULES := $(patsubst spec/support/%_module.c,$(BUILD)/lua/spec_%.so,$(SPEC_MODULE_SOURCES))
BENCH_PROGRAMS := $(addprefix $(BUILD)/bench/,load heads raw raw_again)
LAB := $(patsubst spec/lab/%.c,$(BUILD)/%,$(wildcard spec/lab/*.c))
EXAMPLES := $(patsubst %.c,$(BUILD)/%,$(wildcard examples/*.c))
TESTS := $(patsubst spec/core/%.c,$(BUILD)/spec/%,$(TEST_SOURCES))
FUZZERS := $(patsubst spec/fuzz/fuzz_%.c,$(BUILD)/fuzz/%,$(FUZZ_SOURCES))
# What our reading of HTTP is compared with.
LLHTTP := /usr/share/llhttp
LLHTTP_FLAGS := -isystem /usr/share/include/llhttp -DLLHTTP_STRICT_MODE=1
ORACLE := $(if $(wildcard $(LLHTTP)/llhttp.c),$(BUILD)/oracle)
PROGRAMS := $(if $(CLIENTS),$(BUILD)/clients) $(BUILD)/bounded $(BUILD)/deny $(LAB) $(EXAMPLES) $(BENCH_PROGRAMS)
# What the benches compare with, where its compiler or its headers are there.
RIVALS := $(if $(shell command -v go),$(patsubst bench/rivals/%.go,$(BUILD)/bench/%,$(wildcard bench/rivals/*.go)))
# A sketch of a server may be in a folder of its own: SKETCH=FOLDER.
export SKETCH
RIVALS += $(if $(SKETCH),$(BUILD)/bench/sketch/proto.so)
RIVALS += $(if $(wildcard /usr/include/uv.h /usr/local/include/uv.h),$(BUILD)/bench/uv)

# --- build -----------------------------------------------------------------

.DEFAULT_GOAL := all
.PHONY: all rivals tests fuzzers demo test browsers check sim sim-fidelity mutants bench bench-full bench-scale bench-tasks bench-heads bench-http bench-tls soak soak-http hardships fuzz faults deny coverage lint format asan tsan valgrind lab rockspec rock rock-doc install uninstall clean help
.DELETE_ON_ERROR:
.SECONDARY:

all: $(LIBRARY) $(MODULE) $(TLS_MODULE) $(SPEC_MODULES) $(PROGRAMS) ## Build the library, the Lua module, the examples and the test clients (default)

rivals: $(RIVALS)

tests: all $(TESTS) $(BUILD)/fidelity $(BUILD)/sim-supervise $(ORACLE) fuzzers ## Build the C tests too, without running anything

fuzzers: $(FUZZERS)

# Rewritten only when the way of compiling has changed: then everything is compiled again.
FLAGS_FILE := $(BUILD)/flags
FLAGS_NOW := $(COMPILE) $(TOGETHER) $(LUA_CFLAGS) $(LDFLAGS)
ifneq ($(strip $(FLAGS_NOW)),$(strip $(shell cat $(FLAGS_FILE) 2>/dev/null)))
.PHONY: $(FLAGS_FILE)
endif
$(FLAGS_FILE):
	@mkdir -p $(@D)
	@printf '%s\n' '$(strip $(FLAGS_NOW))' > $@

$(BUILD)/obj/core/%.o: core/%.c $(FLAGS_FILE)
	@mkdir -p $(@D)
	$(call say,cc)$(COMPILE) $(TOGETHER) -fPIC -fvisibility=hidden -Icore -c -o $@ $<

$(BUILD)/obj/lua/binding/%.o: lua/binding/%.c $(FLAGS_FILE)
	@mkdir -p $(@D)
	$(call say,cc)$(COMPILE) $(TOGETHER) -fPIC -fvisibility=hidden -Ilua/binding -Icore $(LUA_CFLAGS) -c -o $@ $<

$(BUILD)/obj/tls/%.o: tls/%.c $(FLAGS_FILE)
	@mkdir -p $(@D)
	$(call say,cc)$(COMPILE) -fPIC -fvisibility=hidden -Itls -Icore $(LUA_CFLAGS) $(OPENSSL_CFLAGS) -c -o $@ $<

$(BUILD)/obj/spec/support/%_module.o: spec/support/%_module.c $(FLAGS_FILE)
	@mkdir -p $(@D)
	$(call say,cc)$(COMPILE) -fPIC -Icore $(LUA_CFLAGS) -c -o $@ $<

$(FAULTS) $(FRAMES): $(BUILD)/obj/%.o: %.c $(FLAGS_FILE)
	@mkdir -p $(@D)
	$(call say,cc)$(COMPILE) -fPIC -Icore -c -o $@ $<

$(BUILD)/obj/spec/fuzz/%.o: spec/fuzz/%.c $(FLAGS_FILE)
	@mkdir -p $(@D)
	$(call say,cc)$(COMPILE) -Itls -Icore $(LUA_CFLAGS) $(OPENSSL_CFLAGS) -c -o $@ $<

$(BUILD)/obj/%.o: %.c $(FLAGS_FILE)
	@mkdir -p $(@D)
	$(call say,cc)$(COMPILE) -Icore -Ispec/support -Ispec/sim -Ispec/core -c -o $@ $<

$(BUILD)/liblastcall.a: $(CORE)
	@rm -f $@
	$(call say,ar)$(AR) rcs $@ $^

$(BUILD)/libsim.a: $(SIM)
	@rm -f $@
	$(call say,ar)$(AR) rcs $@ $^

$(BUILD)/fidelity: $(FIDELITY) $(BUILD)/libsim.a $(LIBRARY)
	$(call say,link)$(LINK_PROGRAM) -o $@ $^

# The module shows its entry alone to the process that loads it, and is never unloaded: a look-up that nobody waits for any
# more returns into its code, perhaps after lua_close.
$(BUILD)/exports: $(FLAGS_FILE)
	@echo '{ global: luaopen_*; local: *; };' > $@

$(BUILD)/lua/lastcall/core.so: $(BINDING) $(CORE) $(BUILD)/exports
	@mkdir -p $(@D)
	$(call say,link)$(LINK) $(TOGETHER) -shared -Wl,--version-script=$(BUILD)/exports,-z,nodelete -o $@ $(BINDING) $(CORE)

$(BUILD)/lua/lastcall/tls/core.so: $(TLS) $(BUILD)/exports
	@mkdir -p $(@D)
	$(call say,link)$(LINK_PROGRAM) -shared -Wl,--version-script=$(BUILD)/exports,-z,nodelete -o $@ $(TLS) $(OPENSSL_LIBS)

$(BUILD)/lua/spec_%.so: $(BUILD)/obj/spec/support/%_module.o
	@mkdir -p $(@D)
	$(call say,link)$(LINK_PROGRAM) -shared -o $@ $^ $(LIBRARIES)
# OpenSSL frees memory by it when the process ends.
$(BUILD)/lua/spec_openssl.so: LIBRARIES = $(OPENSSL_LIBS) -Wl,-z,nodelete
$(BUILD)/lua/spec_faults.so: $(FAULTS) $(LIBRARY)
$(BUILD)/lua/spec_frames.so: $(FRAMES) $(LIBRARY)
$(BUILD)/lua/spec_clock.so: $(LIBRARY)
$(BUILD)/lua/spec_work_clock.so: $(LIBRARY)

$(BUILD)/clients: $(CLIENTS) $(LIBRARY)
	$(call say,link)$(LINK_PROGRAM) -o $@ $^ -lm

$(BUILD)/bounded $(BUILD)/deny: $(BUILD)/%: $(BUILD)/obj/spec/support/%.o
	$(call say,link)$(LINK_PROGRAM) -o $@ $^

$(LAB): $(BUILD)/%: $(BUILD)/obj/spec/lab/%.o $(LIBRARY)
	$(call say,link)$(LINK_PROGRAM) -o $@ $^

$(BUILD)/bench/load: $(call objects,$(wildcard bench/load/*.c))
	@mkdir -p $(@D)
	$(call say,link)$(LINK_PROGRAM) -o $@ $^

$(BUILD)/bench/heads: $(call objects,$(wildcard bench/heads/*.c)) $(LIBRARY)
	@mkdir -p $(@D)
	$(call say,link)$(LINK) -o $@ $^

$(BUILD)/bench/raw $(BUILD)/bench/raw_file $(BUILD)/bench/uv: $(BUILD)/bench/%: $(BUILD)/obj/bench/rivals/%.o
	@mkdir -p $(@D)
	$(call say,link)$(LINK_PROGRAM) -o $@ $^ $(LIBRARIES)
$(BUILD)/bench/uv: LIBRARIES = -luv

# The same program in a file of its own: what differs between the two is noise.
$(BUILD)/bench/raw_again: $(BUILD)/bench/raw
	@cp $< $@

$(BUILD)/bench/sketch/proto.so: $(SKETCH)/proto.c
	@mkdir -p $(@D)
	$(call say,link)$(CC) -O2 -fPIC -shared $(LUA_CFLAGS) -o $@ $<

$(BUILD)/bench/%: bench/rivals/%.go
	@mkdir -p $(@D)
	$(call say,go)GO111MODULE=off go build -o $@ $<

$(BUILD)/examples/%: $(BUILD)/obj/examples/%.o $(LIBRARY)
	@mkdir -p $(@D)
	$(call say,link)$(LINK_PROGRAM) -o $@ $^

$(BUILD)/spec/%: $(BUILD)/obj/spec/core/%.o $(TEST_HELPERS) $(BUILD)/libsim.a $(LIBRARY)
	@mkdir -p $(@D)
	$(call say,link)$(LINK_PROGRAM) $(WRAP) -o $@ $^ -lcmocka

$(BUILD)/sim: $(call objects,$(SIM_MAIN)) $(call objects,spec/core/memory.c) $(FAULTS) $(BUILD)/libsim.a $(LIBRARY)
	$(call say,link)$(LINK_PROGRAM) $(WRAP) -o $@ $^

# With Lua inside, at addresses of its own, where that can be had: by them it orders tables.
LUA_INSIDE := $(if $(wildcard $(shell $(CC) -print-file-name=liblua5.4.a)),-l:liblua5.4.a -ldl,$(LUA_LIBS))
$(BUILD)/obj/spec/sim/supervise/%.o: spec/sim/supervise/%.c $(FLAGS_FILE)
	@mkdir -p $(@D)
	$(call say,cc)$(COMPILE) -Icore -Ispec/support -Ispec/sim $(LUA_CFLAGS) -c -o $@ $<

$(BUILD)/sim-supervise: $(call objects,$(wildcard spec/sim/supervise/*.c)) $(BINDING) $(FAULTS) $(BUILD)/libsim.a $(LIBRARY)
	$(call say,link)$(LINK_PROGRAM) -no-pie $(WRAP) -o $@ $^ $(LUA_INSIDE) -lm

$(BUILD)/obj/llhttp/%.o: $(LLHTTP)/%.c $(FLAGS_FILE)
	@mkdir -p $(@D)
	$(call say,cc)$(CC) -O1 -w $(LLHTTP_FLAGS) -c -o $@ $<

$(BUILD)/obj/spec/oracle/%.o: spec/oracle/%.c $(FLAGS_FILE)
	@mkdir -p $(@D)
	$(call say,cc)$(COMPILE) $(LLHTTP_FLAGS) -Icore -c -o $@ $<

$(BUILD)/oracle: $(call objects,spec/oracle/llhttp.c) $(addprefix $(BUILD)/obj/llhttp/,llhttp.o api.o http.o) $(LIBRARY)
	$(call say,link)$(LINK) -o $@ $^

$(BUILD)/libfuzz.a: $(FUZZ_HELPERS)
	@rm -f $@
	$(call say,ar)$(AR) rcs $@ $^

# Those with a script of their own have the binding inside, and a Lua.
$(BUILD)/fuzz/options $(BUILD)/fuzz/api: $(BINDING)
$(BUILD)/fuzz/options $(BUILD)/fuzz/api: FUZZ_LIBS = $(LUA_LIBS) -lm
$(BUILD)/fuzz/tls: $(filter $(BUILD)/obj/tls/ssl/%,$(TLS))
$(BUILD)/fuzz/tls: FUZZ_LIBS = $(OPENSSL_LIBS)
$(BUILD)/fuzz/%: $(BUILD)/obj/spec/fuzz/fuzz_%.o $(BUILD)/libfuzz.a $(LIBRARY)
	@mkdir -p $(@D)
	$(call say,link)$(LINK_PROGRAM) $(if $(ENGINE),-fsanitize=fuzzer) -o $@ $(filter %.o,$^) \
	  $(BUILD)/libfuzz.a $(LIBRARY) $(FUZZ_LIBS)

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)

# --- run -------------------------------------------------------------------
# What is missing may be installed first, so the build is a make of its own
# which then looks for the Lua headers afresh.

demo: ## Several hundred clients of HTTP, then of lines, and SIGTERM: nobody loses a reply, who was slow is named (15 s)
	@scripts/install-deps build
	@$(MAKE) -s all
	@scripts/demo

test: ## Build, run the C tests and every spec; the last line is the count
	@scripts/install-deps test
	@$(MAKE) -s tests
	@scripts/test $(if $(CI),--second-try)

browsers: ## The specs with a real browser, headless Chromium; they are skipped where it cannot be installed (1 min)
	@scripts/install-deps test
	@scripts/install-deps browsers || true
	@$(MAKE) -s tests
	@LASTCALL_BROWSERS=1 scripts/test $(if $(CI),--second-try) spec/browsers

check: ## Everything at its full length, with one closing count: tests, lab, fuzz, sim, mutants, checkers; STEPS= (1 h)
	@scripts/check $(STEPS)

mutants: ## Known bugs, put into the core one by one: the simulation finds each; MUTANTS=names SCHEDULES= (5 min)
	@scripts/install-deps build
	@scripts/mutants $(MUTANTS)

sim-fidelity: ## The same scenes on the real and on the simulated kernel: SCENES=word (10 s)
	@scripts/install-deps build
	@$(MAKE) -s $(BUILD)/fidelity $(BUILD)/link
	@scripts/sim-fidelity $(SCENES)

lab: ## Who is lost at a distance, by ways of stopping: STOPS=, RTT= ms, LOSS= (root; under 10 min)
	@scripts/install-deps build lab
	@$(MAKE) -s all
	@spec/lab/compare.sh
	@echo; spec/lab/keepalive.sh || [ $$? = 77 ]
	@echo; spec/lab/tls_storm.sh || [ $$? = 77 ]
	@echo; spec/lab/truncation.sh || [ $$? = 77 ]
	@echo; spec/lab/vanish.sh || [ $$? = 77 ]

# BENCH: further options, such as BENCH='--only "64 connections" --servers luv'; bench/run.lua has them all.
bench: ## Processor time, throughput, memory, drain beside a server by hand in C, and rivals: ROUNDS=, BENCH=, SKETCH= (3 min)
	@scripts/install-deps bench
	@$(MAKE) -s all rivals
	@scripts/bench --rounds $(or $(ROUNDS),4) $(BENCH)

bench-full: ## The same, often enough to trust it; rewrites doc/benchmarks.md: ROUNDS=, BENCH=, SKETCH= (17 min)
	@scripts/install-deps bench
	@$(MAKE) -s all rivals
	@scripts/bench --rounds $(or $(ROUNDS),31) --page doc/benchmarks.md $(BENCH)

bench-scale: ## A thousand connections to a million, some of them served, then drained: MOST= (4 min)
	@scripts/install-deps build
	@$(MAKE) -s all
	@scripts/bench-scale $(MOST)

bench-tasks: ## Ten thousand tasks canceled at once, beside Go where there is one: ROUNDS=
	@scripts/install-deps build
	@$(MAKE) -s all
	@scripts/bench-tasks $(ROUNDS)

bench-http: ## What a small HTTP request costs beside C, nginx, Go and node, a file, and an idle connection: ROUNDS=
	@scripts/install-deps build
	@$(MAKE) -s all rivals $(BUILD)/bench/raw_file
	@scripts/bench-http $(ROUNDS)

bench-tls: ## What a request and a handshake cost over TLS beside nginx, and the memory of idle connections: ROUNDS=
	@scripts/install-deps build tls
	@$(MAKE) -s all
	@scripts/bench-tls $(ROUNDS)

bench-heads: ## What it costs to read the head of an HTTP request: nanoseconds and instructions
	@scripts/install-deps build
	@$(MAKE) -s $(BUILD)/bench/heads
	@scripts/bench-heads

# OPTIONS: further words of spec/lab/reloads.sh, such as OPTIONS='rivals=0 only=unix'.
soak: ## RELOADS= under a storm, beside other servers (1,000: 40 min; root); SECONDS= of restarts; or COUNT= (1,000,000) tasks, ... (3 min)
	@scripts/install-deps build $(if $(RELOADS),lab)
	@$(MAKE) -s all
	@$(if $(RELOADS),BUILD=$(abspath $(BUILD)) spec/lab/reloads.sh $(RELOADS) $(OPTIONS),\
	  LUA_PATH='lua/?.lua;lua/?/init.lua;;' LUA_CPATH='$(BUILD)/lua/?.so;;' \
	  lua5.4 $(if $(SECONDS),spec/support/soak_restarts.lua $(SECONDS),spec/support/soak.lua $(COUNT)))

soak-http: ## COUNT= (1,000,000) HTTP requests of every kind to one server: its memory must stay as it is (5 min)
	@scripts/install-deps build
	@$(MAKE) -s all
	@LUA_PATH='lua/?.lua;lua/?/init.lua;;' LUA_CPATH='$(BUILD)/lua/?.so;;' lua5.4 spec/support/http/soak.lua $(COUNT)

hardships: ## A server under everything at once, with the address sanitizer: SECONDS= (600; needs root for dead name servers)
	@scripts/install-deps test
	@$(MAKE) -s tests BUILD=$(BUILD)/asan SANITIZE=address,undefined,float-cast-overflow CFLAGS='-O1 -g'
	@LASTCALL_BUILD=$(BUILD)/asan LASTCALL_SLOW=3 LASTCALL_HARDSHIPS=$(or $(SECONDS),600) TEST_TIMEOUT=3600 \
	  scripts/test --asan soak_spec

faults: ## Every call of the kernel and allocation of OpenSSL's failing, at every point of several lives (15 min)
	@scripts/install-deps test
	@$(MAKE) -s all
	@LASTCALL_FAULTS=all TEST_TIMEOUT=3600 scripts/test faults_everywhere_spec tls_faults_spec tls_shortage_spec

fuzz: ## The fuzz targets for SECONDS (60) in all, with clang; KEEP=1 adds to the corpora what they found
	@scripts/install-deps build fuzz
	@$(MAKE) -s fuzzers BUILD=$(BUILD)/clang-fuzz CC=clang ENGINE=1 CFLAGS='-O1 -g' \
	  SANITIZE=fuzzer-no-link,address,undefined,float-cast-overflow
	@scripts/fuzz $(BUILD)/clang-fuzz/fuzz $(or $(SECONDS),60) $(if $(KEEP),keep)

sim: ## Schedules on a simulated kernel: N= of them, a twentieth as many of the supervisor; SEED= the first, or to be replayed
	@scripts/install-deps build
	@$(MAKE) -s $(BUILD)/sim $(BUILD)/sim-supervise
	@$(BUILD)/sim $(if $(N),--n=$(N)) $(if $(SEED),--seed=$(SEED))
	@$(BUILD)/sim-supervise $(if $(N),--n=$$(($(N) / 20 + 1))) $(if $(SEED),--seed=$(SEED))

asan: ## All tests under the address and undefined-behaviour sanitizers (12 min)
	@scripts/install-deps test
	@$(MAKE) -s tests
	@$(MAKE) -s tests BUILD=$(BUILD)/asan SANITIZE=address,undefined,float-cast-overflow CFLAGS='-O1 -g'
	@LASTCALL_BUILD=$(BUILD)/asan LASTCALL_SLOW=3 scripts/test --asan

valgrind: ## C tests and the specs that matter for memory under valgrind; leaks fail (8 min)
	@scripts/install-deps test valgrind
	@$(MAKE) -s tests
	@LASTCALL_SLOW=4 scripts/test --valgrind

tsan: ## The C tests under the thread sanitizer (2 min)
	@scripts/install-deps test
	@$(MAKE) -s tests BUILD=$(BUILD)/tsan SANITIZE=thread CFLAGS='-O1 -g'
	@LASTCALL_BUILD=$(BUILD)/tsan LASTCALL_SLOW=5 scripts/test --only-c

deny: ## All tests where the kernel hides no listener, counts no handshakes, steers no group: DENY='hide diag cbpf' (12 min)
	@scripts/install-deps test
	@$(MAKE) -s tests
	@OPTIONS='$(if $(CI),--second-try)' scripts/deny $(DENY)

coverage: ## What the tests execute, file by file: lines of C by gcov, of Lua by a hook (15 min)
	@scripts/install-deps test
	@$(MAKE) -s tests BUILD=$(BUILD)/coverage CFLAGS='-O0 -g --coverage -fprofile-update=atomic'
	@BUILD=$(BUILD)/coverage scripts/coverage

lint: ## Formatting, static analysis and both compilers with -Werror
	@scripts/install-deps lint
	@scripts/lint

format: ## Rewrite the C sources in the house format
	clang-format -i $(shell find core lua tls spec examples bench -name '*.[ch]')

rockspec: ## Rewrite the rockspec's list of Lua modules from the tree
	@scripts/rockspec

install: ## Install for Lua 5.4 with luarocks (LUAROCKS_FLAGS=--local, --tree DIR)
	@scripts/install-deps build luarocks
	$(LUAROCKS) make $(LUAROCKS_FLAGS) rockspec/lastcall-scm-1.rockspec

# luarocks' part of an installation: what it would copy by itself has the pages for those who work on lastcall too.
PAGES_FOR_US := doc/NOTES.md doc/architecture.md
rock-doc:
	@mkdir -p $(PREFIX)/doc
	@cp $(filter-out $(PAGES_FOR_US),$(wildcard doc/*)) $(PREFIX)/doc

rock: ## Pack what is committed as a source rock, into build/
	@scripts/install-deps luarocks
	@mkdir -p $(BUILD)
	@sed 's|git+file://\.|git+file://$(CURDIR)|' rockspec/lastcall-scm-1.rockspec > $(BUILD)/lastcall-scm-1.rockspec
	@cd $(BUILD) && $(LUAROCKS) pack lastcall-scm-1.rockspec

uninstall: ## Remove what `make install` installed (same LUAROCKS_FLAGS)
	$(LUAROCKS) remove $(LUAROCKS_FLAGS) lastcall

clean: ## Remove everything that was built
	rm -rf $(BUILD)

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
