# customer_data: PGXS build. The rooms under src/ are compiled into one module
# and their .sql parts are joined, in dependency order, into the install script.

EXTENSION    = customer_data
EXTVERSION   = $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" customer_data.control)
MODULE_big   = customer_data

# Rooms in dependency order: a room may use the ones before it.
ROOMS        = text sets identity timeline portrait segment journey analysis contact worker govern
C_SOURCES    = $(sort $(wildcard src/*.c) $(foreach r,$(ROOMS),$(wildcard src/$(r)/*.c)))
ROOM_HEADERS = $(wildcard src/*.h src/*/*.h)
SQL_PARTS    = src/customer_data.sql $(foreach r,$(ROOMS),$(sort $(wildcard src/$(r)/*.sql))) src/ownership.sql
SCRIPT       = $(EXTENSION)--$(EXTVERSION).sql

OBJS         = $(C_SOURCES:.c=.o)
DATA_built   = $(SCRIPT)
PG_CPPFLAGS  = -Isrc -DCD_VERSION='"$(EXTVERSION)"' -DPGDLLEXPORT='__attribute__((visibility("default")))'
PG_CFLAGS    = -std=gnu11 -O2 -fvisibility=hidden -Wall -Wextra -Wno-unused-parameter
SHLIB_LINK   = -licui18n -licuuc -lm
EXTRA_CLEAN  = $(SCRIPT) $(PHONE_LIB) $(PHONE_OBJS) results regression.diffs regression.out tmp_check output_iso

# libphonenumber is C++ and optional at run time: a module of its own.
PHONE_LIB    = $(EXTENSION)_phone.so
PHONE_OBJS   = src/text/phone/shim.o src/text/phone/module.o
PG_CXXFLAGS  = -std=c++17 -O2 -fvisibility=hidden -Wall -Wextra -Wno-unused-parameter

# pg_regress: one file per room, readable as documentation; each starts afresh.
REGRESS      = $(sort $(basename $(notdir $(wildcard sql/*.sql))))
REGRESS_OPTS = --encoding=UTF8

ifdef WERROR
PG_CFLAGS   += -Werror
PG_CXXFLAGS += -Werror
endif

# Bitcode would be compiled by another compiler with other warnings and gains
# nothing here: the hot loops are C functions called through fmgr.
override with_llvm = no

PG_CONFIG   ?= pg_config
PGXS        := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

all: $(SCRIPT) $(PHONE_LIB)

$(PHONE_LIB): $(PHONE_OBJS)
	$(CXX) $(CXXFLAGS) $(PHONE_OBJS) $(LDFLAGS) -shared -lphonenumber -ldl -o $@

$(PHONE_OBJS): $(ROOM_HEADERS) src/text/phone/shim.h
src/text/phone/shim.o: src/text/phone/shim.cc
	$(CXX) $(CXXFLAGS) $(CPPFLAGS) -c -o $@ $<

install: install-phone
install-phone: $(PHONE_LIB) installdirs
	$(INSTALL_SHLIB) $(PHONE_LIB) '$(DESTDIR)$(pkglibdir)/'

uninstall: uninstall-phone
uninstall-phone:
	rm -f '$(DESTDIR)$(pkglibdir)/$(PHONE_LIB)'

.PHONY: install-phone uninstall-phone

$(SCRIPT): $(SQL_PARTS) customer_data.control
	cat $(SQL_PARTS) > $@

# The loops over sets are written for the compiler's vectoriser.
src/sets/bits.o: CFLAGS += -O3

$(OBJS): $(ROOM_HEADERS) customer_data.control
