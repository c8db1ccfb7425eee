/* A Cortex-M4 without an operating system or a C library: the emulator's semihosting reads
   inputs.bin and writes outputs.bin and ticks.bin (Arm, "Semihosting for AArch32 and AArch64").
   SysTick counts processor clocks, which QEMU ties to instructions (-icount). */

#include "events.h"

extern int main(void);
extern unsigned bss_start, bss_end;

static int semihosting(int operation, const void *block)
{
    register int r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = block;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

enum { OPEN = 1, CLOSE = 2, WRITE = 5, READ = 6, EXIT = 0x18, READ_BINARY = 1, WRITE_BINARY = 5 };

static int open_file(const char *name, unsigned length, unsigned mode)
{
    const unsigned block[3] = {(unsigned)name, mode, length};
    return semihosting(OPEN, block);
}

/* Files are read and written in blocks: each call stops the emulator. */
static unsigned char in_block[1 << 16], out_block[1 << 16];
static unsigned in_at, in_length, out_length;
static int in_file, out_file;

static void write_file(int file, const void *from, unsigned bytes)
{
    const unsigned block[3] = {(unsigned)file, (unsigned)from, bytes};
    semihosting(WRITE, block);
}

int events_get(void *to, unsigned bytes)
{
    unsigned char *byte = to;
    while (bytes--) {
        if (in_at == in_length) {
            const unsigned block[3] = {(unsigned)in_file, (unsigned)in_block, sizeof in_block};
            in_length = sizeof in_block - (unsigned)semihosting(READ, block);
            in_at = 0;
            if (in_length == 0)
                return 0;
        }
        *byte++ = in_block[in_at++];
    }
    return 1;
}

void events_put(const void *from, unsigned bytes)
{
    const unsigned char *byte = from;
    while (bytes--) {
        out_block[out_length++] = *byte++;
        if (out_length == sizeof out_block) {
            write_file(out_file, out_block, out_length);
            out_length = 0;
        }
    }
}

#define SYSTICK ((volatile unsigned *)0xe000e010)

unsigned events_clock(void) { return SYSTICK[2]; }

void events_end(unsigned ticks)
{
    int file;
    write_file(out_file, out_block, out_length);
    file = open_file("ticks.bin", 9, WRITE_BINARY);
    write_file(file, &ticks, sizeof ticks);
}

void reset(void)
{
    unsigned *word;
    for (word = &bss_start; word < &bss_end; word++)
        *word = 0;
    in_file = open_file("inputs.bin", 10, READ_BINARY);
    out_file = open_file("outputs.bin", 11, WRITE_BINARY);
    SYSTICK[1] = 0xffffff; /* the whole 24 bits */
    SYSTICK[0] = 5;        /* on, from the processor's clock, without an interrupt */
    main();
    semihosting(EXIT, (const void *)0x20026);
    for (;;)
        ;
}

__attribute__((section(".vectors"), used)) const void *const vectors[2] = {
    (const void *)0x20400000, (const void *)reset};

/* What gcc calls by itself, in the absence of a library. */
void *memcpy(void *to, const void *from, __SIZE_TYPE__ bytes)
{
    unsigned char *a = to;
    const unsigned char *b = from;
    while (bytes--)
        *a++ = *b++;
    return to;
}

void *memset(void *to, int value, __SIZE_TYPE__ bytes)
{
    unsigned char *a = to;
    while (bytes--)
        *a++ = (unsigned char)value;
    return to;
}
