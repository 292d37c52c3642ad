# Flags that every target of ours takes: warnings, sanitizers, hardening.
add_library(carpool_flags INTERFACE)
target_include_directories(carpool_flags INTERFACE ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})
target_compile_definitions(carpool_flags INTERFACE _GNU_SOURCE)
target_compile_options(carpool_flags INTERFACE
    -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith
    -Wcast-align -Wwrite-strings -Wvla -Wswitch-enum -Wconversion -Wno-sign-conversion
    -fno-common -fstack-protector-strong)
target_link_options(carpool_flags INTERFACE -Wl,-z,relro,-z,now)
if(CARPOOL_WERROR)
    target_compile_options(carpool_flags INTERFACE -Werror)
endif()
if(CARPOOL_SANITIZE)
    target_compile_options(carpool_flags INTERFACE
        -fsanitize=${CARPOOL_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
    target_link_options(carpool_flags INTERFACE -fsanitize=${CARPOOL_SANITIZE})
else()
    target_compile_options(carpool_flags INTERFACE $<$<CONFIG:RelWithDebInfo>:-U_FORTIFY_SOURCE>
        $<$<CONFIG:RelWithDebInfo>:-D_FORTIFY_SOURCE=3>)
endif()

# carpool_library(NAME SOURCES a.c … LINK lower …): one layer. Its LINK list is the layering:
# what is not named there neither compiles into it nor links.
function(carpool_library name)
    cmake_parse_arguments(LAYER "" "" "SOURCES;LINK" ${ARGN})
    add_library(${name} STATIC ${LAYER_SOURCES})
    target_link_libraries(${name} PUBLIC ${LAYER_LINK} PRIVATE carpool_flags)
    target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR})
    set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
endfunction()

# carpool_unit_test(NAME SOURCES test.c … LINK layer): a cmocka program that links only its layer.
function(carpool_unit_test name)
    cmake_parse_arguments(TEST "" "" "SOURCES;LINK" ${ARGN})
    add_executable(${name} ${TEST_SOURCES})
    target_link_libraries(${name} PRIVATE ${TEST_LINK} carpool_flags PkgConfig::CMOCKA)
    add_test(NAME unit.${name} COMMAND ${name})
    set_tests_properties(unit.${name} PROPERTIES LABELS unit TIMEOUT 60)
endfunction()
