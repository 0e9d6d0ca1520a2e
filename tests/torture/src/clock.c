// The time of day of one process, wrong by what a file says: eight bytes, nanoseconds, in the order of this machine.
// Preloaded by clocks.rs. How long something takes (CLOCK_MONOTONIC) stays right, as it does where somebody sets
// a machine's clock: librdkafka says in the wrong time until when to wait, and the kernel is told the right one.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *wrong;

__attribute__((constructor)) static void open_it(void) {
  const char *path = getenv("TORTURE_CLOCK");
  int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  void *map = file < 0 ? MAP_FAILED : mmap(NULL, sizeof *wrong, PROT_READ, MAP_SHARED, file, 0);
  if (map != MAP_FAILED) wrong = map;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  int result = (int)syscall(SYS_clock_gettime, clock, now);
  if (result == 0 && wrong && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
    int64_t told = (int64_t)now->tv_sec * 1000000000 + now->tv_nsec + *wrong;
    now->tv_sec = told / 1000000000;
    now->tv_nsec = told % 1000000000;
  }
  return result;
}

int gettimeofday(struct timeval *now, void *zone) {
  (void)zone;
  struct timespec precise;
  clock_gettime(CLOCK_REALTIME, &precise);
  now->tv_sec = precise.tv_sec;
  now->tv_usec = precise.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *told) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (told) *told = now.tv_sec;
  return now.tv_sec;
}

int timespec_get(struct timespec *now, int base) {
  return base == TIME_UTC && clock_gettime(CLOCK_REALTIME, now) == 0 ? base : 0;
}

// glibc's cnd_t and mtx_t are what these are cast to.
int cnd_timedwait(cnd_t *cond, mtx_t *mutex, const struct timespec *until) {
  int64_t right = (int64_t)until->tv_sec * 1000000000 + until->tv_nsec - (wrong ? *wrong : 0);
  struct timespec then = {right / 1000000000, right % 1000000000};
  int result =
      pthread_cond_clockwait((pthread_cond_t *)cond, (pthread_mutex_t *)mutex, CLOCK_REALTIME, &then);
  return result == 0 ? thrd_success : result == ETIMEDOUT ? thrd_timedout : thrd_error;
}
