/* Loaded before libc into a simulation: the randomness of the system then
 * follows from MUCURA_SIM_RANDOMNESS. Keys and nonces of TLS, time-outs of
 * elections, the order of hash maps and of tokio's select! all come from here,
 * and none of them can be seeded otherwise. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/types.h>

static uint64_t state;
static int ready;

static uint64_t next(void) {
    if (!ready) {
        const char *seed = getenv("MUCURA_SIM_RANDOMNESS");
        state = seed ? strtoull(seed, NULL, 10) : 0;
        ready = 1;
    }
    state += 0x9e3779b97f4a7c15u;
    uint64_t z = state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

ssize_t getrandom(void *to, size_t length, unsigned int flags) {
    (void)flags;
    unsigned char *bytes = to;
    for (size_t i = 0; i < length; i++)
        bytes[i] = (unsigned char)(next() >> 24);
    return (ssize_t)length;
}

/* Some do not call the function but the kernel. */
long syscall(long number, ...) {
    static long (*real)(long, ...);
    if (!real)
        real = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
    va_list list;
    va_start(list, number);
    long a[6];
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(list, long);
    va_end(list);
    if (number == SYS_getrandom)
        return getrandom((void *)a[0], (size_t)a[1], 0);
    return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
