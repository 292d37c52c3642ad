include(CheckCCompilerFlag)

# carpool_flags: what every target of ours is compiled and linked with: warnings, sanitizers,
# hardening. Position-independent everywhere, so that every program is a PIE.
add_library(carpool_flags INTERFACE)
target_include_directories(carpool_flags INTERFACE ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})
target_compile_definitions(carpool_flags INTERFACE _GNU_SOURCE)
target_compile_options(carpool_flags INTERFACE
    -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith
    -Wcast-align -Wwrite-strings -Wvla -Wswitch-enum -Wconversion -Wno-sign-conversion
    -fno-common -fPIE -fstack-protector-strong)
target_link_options(carpool_flags INTERFACE -pie -Wl,-z,relro,-z,now,-z,noexecstack)
if(CARPOOL_WERROR)
    target_compile_options(carpool_flags INTERFACE -Werror)
endif()

if(CARPOOL_SANITIZE)
    target_compile_options(carpool_flags INTERFACE
        -fsanitize=${CARPOOL_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
    target_link_options(carpool_flags INTERFACE -fsanitize=${CARPOOL_SANITIZE})
endif()

# Every object tells libFuzzer which way an input takes; only the targets get its main().
if(CARPOOL_FUZZ)
    # clang's pointer-overflow minds NULL + 0 (an empty buffer's bytes), which gcc's does not.
    target_compile_options(carpool_flags INTERFACE
        -fsanitize=fuzzer-no-link -fno-sanitize=pointer-overflow)
    target_link_options(carpool_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

# The sanitizers replace what _FORTIFY_SOURCE and the stack checks do, and it needs -O1 or more.
if(CARPOOL_HARDEN)
    target_compile_options(carpool_flags INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
    # x86 has the first, 64-bit Arm the second.
    foreach(flag -fcf-protection=full -mbranch-protection=standard -fstack-clash-protection)
        string(MAKE_C_IDENTIFIER "CARPOOL_HAS${flag}" has)
        check_c_compiler_flag(${flag} ${has})
        if(${has})
            target_compile_options(carpool_flags INTERFACE ${flag})
        endif()
    endforeach()
endif()

# Link-time optimisation is for the program only. The objects are fat: they carry machine code
# beside the LTO bytes, so that a test can link without LTO, which would resolve a call to
# clock_now_us() before -Wl,--wrap has seen it.
if(CARPOOL_LTO)
    target_compile_options(carpool_flags INTERFACE -flto=auto -ffat-lto-objects)
endif()
set(CARPOOL_LINK_PLAIN $<$<BOOL:${CARPOOL_LTO}>:-fno-lto>)
set(CARPOOL_LINK_LTO $<$<BOOL:${CARPOOL_LTO}>:-flto=auto> $<$<BOOL:${CARPOOL_LTO}>:-fuse-linker-plugin>)

# Where the kernel spreads mappings over more bits than gcc 12's thread sanitizer knows, its
# programs end at start with "unexpected memory mapping". Without randomisation they run;
# what a test starts inherits that.
set(CARPOOL_LAUNCHER "")
if(CARPOOL_SANITIZE STREQUAL "thread" AND EXISTS /proc/sys/vm/mmap_rnd_bits)
    file(STRINGS /proc/sys/vm/mmap_rnd_bits bits LIMIT_COUNT 1)
    find_program(CARPOOL_SETARCH setarch)
    if(bits GREATER 28 AND CARPOOL_SETARCH)
        execute_process(COMMAND ${CARPOOL_SETARCH} -R true RESULT_VARIABLE refused ERROR_QUIET)
        if(refused)
            message(WARNING "vm.mmap_rnd_bits is ${bits} and setarch -R is not allowed here: "
                "tests under the thread sanitizer may not start")
        else()
            set(CARPOOL_LAUNCHER ${CARPOOL_SETARCH} -R)
        endif()
    endif()
endif()

# A report of a sanitizer says where, and ends the program.
set(CARPOOL_TEST_ENVIRONMENT
    UBSAN_OPTIONS=print_stacktrace=1
    TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1:suppressions=${PROJECT_SOURCE_DIR}/tests/tsan.supp)

# carpool_library(NAME SOURCES a.c … LINK lower …): one layer. Its LINK list is the layering:
# what is not named there neither compiles into it nor links.
function(carpool_library name)
    cmake_parse_arguments(LAYER "" "" "SOURCES;LINK" ${ARGN})
    add_library(${name} STATIC ${LAYER_SOURCES})
    target_link_libraries(${name} PUBLIC ${LAYER_LINK} PRIVATE carpool_flags)
    target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR})
endfunction()

# carpool_program(NAME SOURCES a.c … LINK layer …): what users run. It lies at the top of the
# build directory (build/release/carpool), and is installed.
function(carpool_program name)
    cmake_parse_arguments(PROGRAM "" "" "SOURCES;LINK" ${ARGN})
    add_executable(${name} ${PROGRAM_SOURCES})
    target_link_libraries(${name} PRIVATE ${PROGRAM_LINK} carpool_flags)
    target_link_options(${name} PRIVATE ${CARPOOL_LINK_LTO})
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR})
    install(TARGETS ${name})
endfunction()

# carpool_tool(NAME SOURCES a.c … LINK layer …): a program that tests use, such as a runner.
function(carpool_tool name)
    cmake_parse_arguments(TOOL "" "" "SOURCES;LINK" ${ARGN})
    add_executable(${name} ${TOOL_SOURCES})
    target_link_libraries(${name} PRIVATE ${TOOL_LINK} carpool_flags)
    target_link_options(${name} PRIVATE ${CARPOOL_LINK_PLAIN})
endfunction()

# carpool_test(NAME unit.buf LABELS unit [slow] [TIMEOUT seconds] [SERIAL] [ENVIRONMENT NAME=value …]
# COMMAND …): a test.
# Exit 77 means skipped. In a sanitizer's build the name starts with it (asan.unit.buf), so
# that one report can hold all builds.
function(carpool_test)
    cmake_parse_arguments(TEST "SERIAL" "NAME;TIMEOUT" "LABELS;ENVIRONMENT;COMMAND" ${ARGN})
    if(NOT TEST_TIMEOUT)
        set(TEST_TIMEOUT 60)
    endif()
    set(full ${CARPOOL_TEST_PREFIX}${TEST_NAME})
    list(GET TEST_COMMAND 0 first)
    if(TARGET ${first})
        list(REMOVE_AT TEST_COMMAND 0)
        list(PREPEND TEST_COMMAND $<TARGET_FILE:${first}>)
    endif()
    add_test(NAME ${full} COMMAND ${CARPOOL_LAUNCHER} ${TEST_COMMAND})
    set_tests_properties(${full} PROPERTIES
        LABELS "${TEST_LABELS}" TIMEOUT ${TEST_TIMEOUT} SKIP_RETURN_CODE 77
        ENVIRONMENT "${CARPOOL_TEST_ENVIRONMENT};${TEST_ENVIRONMENT}")
    if(TEST_SERIAL)
        set_tests_properties(${full} PROPERTIES RUN_SERIAL ON)
    endif()
endfunction()

# carpool_unit_test(NAME SOURCES test.c … LINK layer): a cmocka program that links only its layer.
function(carpool_unit_test name)
    cmake_parse_arguments(UNIT "" "" "SOURCES;LINK" ${ARGN})
    carpool_tool(${name} SOURCES ${UNIT_SOURCES} LINK ${UNIT_LINK} PkgConfig::CMOCKA)
    carpool_test(NAME unit.${name} LABELS unit COMMAND ${name})
endfunction()
