/* Registers of @top@: byte offsets from its base, and masks. Written by sluice: do not edit, emit it again. */
#ifndef @upper@_REGISTERS_H
#define @upper@_REGISTERS_H

#include <stdint.h>

/* Defined once, however many designs are included: the map is the same for all. */
#ifndef SLUICE_REGISTERS
#define SLUICE_REGISTERS
@defines@
/* A counter, by the offset of its low word, which has to be read first. */
static inline uint64_t sluice_counter(const volatile void *base, uint32_t low_word)
{
    const volatile uint32_t *word = (const volatile uint32_t *)((const volatile uint8_t *)base + low_word);
    uint32_t low = word[0];
    return (uint64_t)word[1] << 32 | low;
}
#endif

/* What this design reads. */
@values@
#endif
