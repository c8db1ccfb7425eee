/* Where events come from and results go: host.c with files, cortex_m4.c through semihosting. */

int events_get(void *to, unsigned bytes);         /* 0 at the end */
void events_put(const void *from, unsigned bytes);
unsigned events_clock(void);                      /* counts down, 24 bits; 0 where there is none */
void events_end(unsigned ticks);
