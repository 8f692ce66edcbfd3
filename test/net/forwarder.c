/*
 * A network in one process: reads IP packets from one TUN device per namespace, drops some by a seeded
 * generator, holds the rest for a fixed delay and writes them to the namespace whose address they carry.
 * For kernels without netem. Addresses are 10.77.0.1 … 10.77.0.N in the order of the namespaces.
 *
 *   forwarder DELAY_MS LOSS_PERCENT SEED QUEUE_MIB NAMESPACE...
 *
 * Prints "ready" when all devices exist, and its counters as JSON when SIGTERM or SIGINT ends it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { MAX_NODES = 64, MAX_PACKET = 2048, BATCH = 64 };

struct packet {
    uint64_t due_ns;
    uint16_t length;
    uint8_t target;
    uint8_t bytes[MAX_PACKET];
};

static volatile sig_atomic_t ended;
static void end(int signal_number) { (void)signal_number; ended = 1; }

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* splitmix64 */
static uint64_t state;
static uint64_t draw(void) {
    uint64_t z = (state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static int open_tun(const char *name_space) {
    char path[128];
    snprintf(path, sizeof path, "/run/netns/%s", name_space);
    int space = open(path, O_RDONLY | O_CLOEXEC);
    if (space < 0 || setns(space, CLONE_NEWNET) < 0) { perror(path); exit(1); }
    close(space);
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) { perror("/dev/net/tun"); exit(1); }
    struct ifreq request;
    memset(&request, 0, sizeof request);
    request.ifr_flags = IFF_TUN | IFF_NO_PI;
    strncpy(request.ifr_name, "pangea0", IFNAMSIZ - 1);
    if (ioctl(fd, TUNSETIFF, &request) < 0) { perror("TUNSETIFF"); exit(1); }
    return fd;
}

int main(int argc, char **argv) {
    if (argc < 6 || argc - 5 > MAX_NODES) {
        fprintf(stderr, "usage: forwarder DELAY_MS LOSS_PERCENT SEED QUEUE_MIB NAMESPACE...\n");
        return 64;
    }
    uint64_t delay_ns = (uint64_t)(atof(argv[1]) * 1e6);
    uint64_t drop_below = (uint64_t)(atof(argv[2]) / 100.0 * 18446744073709551615.0);
    state = strtoull(argv[3], NULL, 10);
    size_t capacity = strtoull(argv[4], NULL, 10) * 1024 * 1024 / sizeof(struct packet);
    int nodes = argc - 5;
    struct pollfd fds[MAX_NODES];
    for (int i = 0; i < nodes; i++) fds[i] = (struct pollfd){ .fd = open_tun(argv[5 + i]), .events = POLLIN };
    struct packet *ring = calloc(capacity, sizeof *ring);
    if (!ring) { perror("calloc"); return 1; }
    signal(SIGTERM, end);
    signal(SIGINT, end);
    puts("ready");
    fflush(stdout);

    size_t head = 0, held = 0;
    uint64_t passed = 0, lost = 0, overflowed = 0, stray = 0;
    while (!ended) {
        int wait_ms = 1000;
        uint64_t now = now_ns();
        while (held > 0 && ring[head].due_ns <= now) {
            struct packet *packet = &ring[head];
            if (write(fds[packet->target].fd, packet->bytes, packet->length) < 0) overflowed++;
            else passed++;
            head = (head + 1) % capacity;
            held--;
        }
        struct timespec timeout = { .tv_sec = wait_ms / 1000, .tv_nsec = 0 };
        if (held > 0) {
            uint64_t left = ring[head].due_ns > now ? ring[head].due_ns - now : 0;
            timeout = (struct timespec){ .tv_sec = (time_t)(left / 1000000000u), .tv_nsec = (long)(left % 1000000000u) };
        }
        if (ppoll(fds, (nfds_t)nodes, &timeout, NULL) < 0) {
            if (errno == EINTR) continue;
            perror("ppoll");
            return 1;
        }
        now = now_ns();
        for (int i = 0; i < nodes; i++) {
            if (!(fds[i].revents & POLLIN)) continue;
            for (int n = 0; n < BATCH; n++) {
                uint8_t spare[MAX_PACKET];
                int full = held == capacity;
                struct packet *packet = &ring[(head + held) % capacity];
                uint8_t *into = full ? spare : packet->bytes;
                ssize_t length = read(fds[i].fd, into, MAX_PACKET);
                if (length <= 0) break;
                if (length < 20 || into[0] >> 4 != 4 || into[16] != 10 || into[17] != 77 || into[18] != 0
                    || into[19] < 1 || into[19] > nodes) { stray++; continue; }
                if (full) { overflowed++; continue; }
                if (draw() < drop_below) { lost++; continue; }
                packet->due_ns = now + delay_ns;
                packet->length = (uint16_t)length;
                packet->target = (uint8_t)(into[19] - 1);
                held++;
            }
        }
    }
    printf("{\"passed\":%llu,\"lost\":%llu,\"overflowed\":%llu,\"stray\":%llu}\n",
           (unsigned long long)passed, (unsigned long long)lost, (unsigned long long)overflowed, (unsigned long long)stray);
    return 0;
}
