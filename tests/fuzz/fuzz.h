/*
 * fuzz - what every fuzz target provides: one function that takes any bytes and must neither crash, nor
 * hang, nor leak, nor fail an assertion. libFuzzer calls it, and so does replay.c.
 */
#ifndef HF_TESTS_FUZZ_FUZZ_H
#define HF_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
