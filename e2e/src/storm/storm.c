/* Executes a program over and over, as fast as it can, and says how often:
 *
 *   storm [-s SECONDS] [-n TIMES] [-c CORES] [-a BYTES] [-p MICROSECONDS] [-g PROCS] [-k] PROGRAM
 *
 * One process on each core executes it, one after the other, until the time is over (-s), each has
 * done it so often (-n), SIGTERM comes, or who started it is gone. -a gives the program so many bytes of arguments, -k
 * another first argument every time: "CORE:NUMBER", from 0. -p pauses after each. -g first joins
 * the cgroup of that cgroup.procs.
 *
 * Prints how many were executed, and in how many seconds. One that could not be is the end: what
 * is printed is exact, or nothing is. */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ARGUMENT 100 /* bytes of each but the last, its NUL counted */
#define MOST_CORES 1024

/* What the processes share: each writes its own count. */
struct shared {
  volatile sig_atomic_t stop;
  long counts[MOST_CORES];
};
static struct shared *shared;
static pid_t starter;

static void fail(const char *what) {
  perror(what);
  exit(1);
}

/* Told to, or nobody is left to tell the count. */
static void stop(int signal) {
  if (signal == SIGTERM || getppid() != starter) shared->stop = 1;
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec + time.tv_nsec / 1e9;
}

static char **arguments(char *program, size_t bytes, char *number) {
  char **argv = calloc(bytes / ARGUMENT + 4, sizeof *argv);
  size_t n = 0;
  if (argv == NULL) fail("calloc");
  argv[n++] = program;
  if (number != NULL) argv[n++] = number;
  for (; bytes > 0; n++) {
    size_t length = bytes < ARGUMENT ? bytes : ARGUMENT;
    argv[n] = calloc(length, 1);
    if (argv[n] == NULL) fail("calloc");
    memset(argv[n], 'x', length - 1);
    bytes -= length;
  }
  return argv;
}

/* On the so-manyth of the cores that there are for it. */
static void stay_on(int wanted) {
  cpu_set_t allowed, one;
  CPU_ZERO(&one);
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) fail("sched_getaffinity");
  wanted %= CPU_COUNT(&allowed);
  for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
    if (CPU_ISSET(cpu, &allowed) && wanted-- == 0) CPU_SET(cpu, &one);
  if (sched_setaffinity(0, sizeof one, &one) != 0) fail("sched_setaffinity");
}

static void join(const char *procs) {
  FILE *file = fopen(procs, "w");
  if (file == NULL || fputs("0", file) < 0 || fclose(file) != 0) fail(procs);
}

int main(int argc, char **argv) {
  double seconds = 1e9;
  long times = -1, pause = 0;
  int cores = 1, numbered = 0, option;
  size_t bytes = 0;
  while ((option = getopt(argc, argv, "s:n:c:a:p:g:k")) != -1) switch (option) {
      case 's': seconds = atof(optarg); break;
      case 'n': times = atol(optarg); break;
      case 'c': cores = atoi(optarg); break;
      case 'a': bytes = strtoul(optarg, NULL, 10); break;
      case 'p': pause = atol(optarg); break;
      case 'g': join(optarg); break;
      case 'k': numbered = 1; break;
      default: return 2;
    }
  if (optind + 1 != argc || cores < 1 || cores > MOST_CORES) return 2;
  shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) fail("mmap");
  struct sigaction action = {.sa_handler = stop, .sa_flags = SA_RESTART};
  struct itimerval second = {{1, 0}, {1, 0}};
  starter = getppid();
  sigaction(SIGTERM, &action, NULL);
  sigaction(SIGALRM, &action, NULL);
  setitimer(ITIMER_REAL, &second, NULL);

  char number[32];
  char **program = arguments(argv[optind], bytes, numbered ? number : NULL);
  char *environment[] = {NULL};
  double start = now(), end = start + seconds;
  for (int core = 0; core < cores; core++) {
    pid_t child = fork();
    if (child < 0) fail("fork");
    if (child != 0) continue;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    stay_on(core);
    long *count = &shared->counts[core];
    while (!shared->stop && *count != times && now() < end) {
      pid_t pid;
      int status;
      snprintf(number, sizeof number, "%d:%ld", core, *count);
      if (posix_spawn(&pid, program[0], NULL, NULL, program, environment) != 0) return 1;
      ++*count;
      if (waitpid(pid, &status, 0) != pid || status != 0) return 1;
      if (pause > 0) usleep(pause);
    }
    return 0;
  }
  int failed = 0, status;
  for (int core = 0; core < cores; core++) failed |= wait(&status) < 0 || status != 0;
  double elapsed = now() - start;
  if (failed) return 1;
  long sum = 0;
  for (int core = 0; core < cores; core++) sum += shared->counts[core];
  printf("%ld %f\n", sum, elapsed);
  return 0;
}
