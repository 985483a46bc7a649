// HTTP/1.1 load for the benchmarks: one thread, epoll, keep-alive connections to 127.0.0.1.
//
// Closed loop (default): each connection sends its next request when the answer is complete.
// Open loop (--rate): requests are due at a fixed mean rate with exponential gaps, and latency counts
// from the moment a request was due, so that a proxy that stalls cannot hide it by slowing us down.
//
//   load --port P --connections N (--seconds S | --count N) [--rate PER_SECOND] [--path /x]
//        [--body BYTES] [--close] [--tls]
//
// Prints one JSON object. An answer counts as bad unless its status is 200 or 202 and its body is complete.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

typedef struct {
  int fd;
  SSL* ssl;
  bool busy;        // a request is on its way
  bool head_done;   // the answer's head was read
  bool close_after; // the answer says that this connection ends
  size_t sent;      // bytes of the request
  size_t head_length;
  long long body_left;
  double due;
  char head[8192];
} Connection;

static struct {
  int port, connections;
  long count;
  double seconds, rate;
  size_t body;
  bool close, tls;
  const char* path;
} options = {.port = 0, .connections = 64, .seconds = 0, .path = "/"};

static Connection* connections;
static SSL_CTX* tls_context;
static int poller;
static char* request;
static size_t request_length;

static int* idle;  // stack of connections without a request, for the open loop
static int idle_count;
static double* waiting;  // times of due requests that found no idle connection
static size_t waiting_first, waiting_last, waiting_room;

static float* latencies;  // microseconds
static size_t latency_count, latency_room;
static long started, completed, bad, late;
static long long bytes_in, bytes_out;
static double measure_from;

static const double warm_up = 0.3;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void* grown(void* memory, size_t* room, size_t item) {
  *room = *room ? *room * 2 : 1 << 16;
  memory = realloc(memory, *room * item);
  if (!memory) exit(3);
  return memory;
}

static void build_request(void) {
  request = malloc(options.body + 1024);
  if (!request) exit(3);
  int length = sprintf(request, "%s %s HTTP/1.1\r\nHost: localhost\r\nUser-Agent: load\r\nAccept: */*\r\n",
                       options.body ? "POST" : "GET", options.path);
  if (options.body)
    length += sprintf(request + length, "Content-Type: application/octet-stream\r\nContent-Length: %zu\r\n",
                      options.body);
  if (options.close) length += sprintf(request + length, "Connection: close\r\n");
  length += sprintf(request + length, "\r\n");
  memset(request + length, 'x', options.body);
  request_length = (size_t)length + options.body;
}

static void open_connection(Connection* c) {
  const int index = (int)(c - connections), one = 1;
  c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (c->fd < 0) {
    perror("socket");
    exit(3);
  }
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  struct sockaddr_in to = {.sin_family = AF_INET,
                           .sin_port = htons((unsigned short)options.port),
                           .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (connect(c->fd, (struct sockaddr*)&to, sizeof to) && errno != EINPROGRESS) {
    perror("connect");
    exit(3);
  }
  if (options.tls) {
    c->ssl = SSL_new(tls_context);
    SSL_set_tlsext_host_name(c->ssl, "localhost");
    SSL_set_fd(c->ssl, c->fd);
    SSL_set_connect_state(c->ssl);
  }
  struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.u32 = (unsigned)index};
  epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &event);
}

static void close_connection(Connection* c) {
  if (c->ssl) SSL_free(c->ssl);
  c->ssl = NULL;
  close(c->fd);
}

// Bytes moved, 0 at the end of the stream, -1 when the socket must be waited for, -2 on errors.
static ssize_t outcome(Connection* c, ssize_t moved) {
  if (moved > 0) return moved;
  if (c->ssl) {
    const int error = SSL_get_error(c->ssl, (int)moved);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return -1;
    return error == SSL_ERROR_ZERO_RETURN ? 0 : -2;
  }
  if (moved == 0) return 0;
  return errno == EAGAIN || errno == EINTR ? -1 : -2;
}

static bool send_more(Connection* c) {  // false when the connection is broken
  while (c->busy && c->sent < request_length) {
    const size_t left = request_length - c->sent;
    const ssize_t moved =
        outcome(c, c->ssl ? SSL_write(c->ssl, request + c->sent, left > 1 << 20 ? 1 << 20 : (int)left)
                          : send(c->fd, request + c->sent, left, MSG_NOSIGNAL));
    if (moved == -1) return true;
    if (moved <= 0) return false;
    c->sent += (size_t)moved;
    bytes_out += moved;
  }
  return true;
}

static void start(Connection* c, double due) {
  c->busy = true;
  c->head_done = c->close_after = false;
  c->sent = c->head_length = 0;
  c->body_left = 0;
  c->due = due;
  ++started;
  send_more(c);  // a broken connection shows when it is read
}

static bool may_start(void) { return !options.count || started < options.count; }

static void next(Connection* c) {
  if (!options.rate) {
    if (may_start()) start(c, now());
  } else if (waiting_first < waiting_last) {
    start(c, waiting[waiting_first++]);
  } else {
    idle[idle_count++] = (int)(c - connections);
  }
}

static void finish(Connection* c) {
  const double t = now();
  c->busy = false;
  ++completed;
  if (t >= measure_from) {
    if (latency_count == latency_room) latencies = grown(latencies, &latency_room, sizeof *latencies);
    latencies[latency_count++] = (float)((t - c->due) * 1e6);
  }
  if (c->close_after || options.close) {
    close_connection(c);
    open_connection(c);
  }
  next(c);
}

static void broken(Connection* c) {
  const bool was_busy = c->busy;
  c->busy = false;
  close_connection(c);
  open_connection(c);
  if (!was_busy) return;  // an idle connection that the server gave up
  ++bad;
  ++completed;
  next(c);
}

// Reads the head out of `data`; returns how many of its bytes belong to the body, or -1: head incomplete.
static long read_head(Connection* c, const char* data, size_t size) {
  const size_t before = c->head_length, room = sizeof c->head - 1 - before;
  const size_t taken = size < room ? size : room;
  memcpy(c->head + before, data, taken);
  c->head_length += taken;
  c->head[c->head_length] = 0;
  const char* end = strstr(c->head, "\r\n\r\n");
  if (!end) return -1;
  c->head_done = true;
  const char* length = strcasestr(c->head, "\r\ncontent-length:");
  const char* connection = strcasestr(c->head, "\r\nconnection:");
  c->body_left = length ? atoll(length + 17) : 0;
  c->close_after = connection && !strncasecmp(connection + 13 + strspn(connection + 13, " "), "close", 5);
  if ((strncmp(c->head + 8, " 200 ", 5) && strncmp(c->head + 8, " 202 ", 5)) || !length) ++bad;
  return (long)(size - ((size_t)(end + 4 - c->head) - before));
}

static void receive(Connection* c) {
  static char buffer[256 * 1024];
  for (;;) {
    const ssize_t moved = outcome(c, c->ssl ? SSL_read(c->ssl, buffer, sizeof buffer)
                                            : recv(c->fd, buffer, sizeof buffer, 0));
    if (moved == -1) return;
    if (moved <= 0 || !c->busy) {
      broken(c);
      return;
    }
    bytes_in += moved;
    long body = moved;
    if (!c->head_done && (body = read_head(c, buffer, (size_t)moved)) < 0) {
      if (c->head_length < sizeof c->head - 1) continue;
      broken(c);
      return;
    }
    c->body_left -= body;
    // An early answer is complete only when our own body has gone out as well.
    if (c->body_left <= 0 && (c->sent == request_length || c->close_after)) {
      finish(c);
      return;  // on a fresh or quiet connection the next readiness calls again
    }
    if (!c->ssl && moved < (ssize_t)sizeof buffer) return;  // edge-triggered: the socket was drained
  }
}

static void serve(Connection* c) {
  if (!send_more(c)) {
    broken(c);
    return;
  }
  if (c->busy && c->head_done && c->body_left <= 0 && c->sent == request_length) {
    finish(c);
    return;
  }
  receive(c);
}

static int ascending(const void* a, const void* b) {
  const float x = *(const float*)a, y = *(const float*)b;
  return x < y ? -1 : x > y;
}

static double quantile(double q) {
  if (!latency_count) return 0;
  const size_t at = (size_t)((double)latency_count * q);
  return (double)latencies[at < latency_count ? at : latency_count - 1];
}

static void read_options(int count, char** words) {
  static const struct option known[] = {{"port", 1, 0, 'p'}, {"connections", 1, 0, 'c'}, {"seconds", 1, 0, 's'},
                                        {"count", 1, 0, 'n'}, {"rate", 1, 0, 'r'}, {"path", 1, 0, 'u'},
                                        {"body", 1, 0, 'b'}, {"close", 0, 0, 'x'}, {"tls", 0, 0, 't'}, {0, 0, 0, 0}};
  for (int key; (key = getopt_long(count, words, "", known, NULL)) != -1;) {
    switch (key) {
      case 'p': options.port = atoi(optarg); break;
      case 'c': options.connections = atoi(optarg); break;
      case 's': options.seconds = atof(optarg); break;
      case 'n': options.count = atol(optarg); break;
      case 'r': options.rate = atof(optarg); break;
      case 'u': options.path = optarg; break;
      case 'b': options.body = (size_t)atoll(optarg); break;
      case 'x': options.close = true; break;
      case 't': options.tls = true; break;
      default: exit(2);
    }
  }
  if (!options.port || options.connections < 1 || (options.seconds <= 0 && !options.count)) {
    fprintf(stderr, "load: --port, and --seconds or --count, are needed\n");
    exit(2);
  }
}

int main(int count, char** words) {
  read_options(count, words);
  signal(SIGPIPE, SIG_IGN);
  build_request();
  if (options.tls) {
    tls_context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_mode(tls_context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  }
  poller = epoll_create1(0);
  connections = calloc((size_t)options.connections, sizeof *connections);
  idle = calloc((size_t)options.connections, sizeof *idle);
  if (!connections || !idle) return 3;

  const double begin = now(), end = options.count ? begin + 600 : begin + warm_up + options.seconds;
  measure_from = options.count ? begin : begin + warm_up;
  for (int i = 0; i < options.connections; ++i) {
    open_connection(&connections[i]);
    next(&connections[i]);
  }
  unsigned short seed[3] = {1, 2, 3};  // the same gaps for every proxy
  double due = begin;
  struct epoll_event events[256];
  for (;;) {
    const double t = now();
    if (t >= end || (options.count && completed >= options.count)) break;
    double timeout = 0.1;
    if (options.rate) {
      for (; due <= t && may_start(); due += -log(1 - erand48(seed)) / options.rate) {
        if (idle_count) {
          start(&connections[idle[--idle_count]], due);
        } else {
          ++late;
          if (waiting_last == waiting_room) waiting = grown(waiting, &waiting_room, sizeof *waiting);
          waiting[waiting_last++] = due;
        }
      }
      timeout = due > t ? due - t : 0;
    }
    const struct timespec wait = {(time_t)timeout, (long)((timeout - floor(timeout)) * 1e9)};
    const int ready = epoll_pwait2(poller, events, 256, &wait, NULL);
    for (int i = 0; i < ready; ++i) serve(&connections[events[i].data.u32]);
  }
  const double elapsed = now() - begin;

  qsort(latencies, latency_count, sizeof *latencies, ascending);
  printf("{\"requests\": %ld, \"bad\": %ld, \"late\": %ld, \"seconds\": %.6f, \"bytes_in\": %lld, \"bytes_out\": %lld, "
         "\"p50_us\": %.0f, \"p99_us\": %.0f, \"p999_us\": %.0f}\n",
         completed, bad, late, elapsed, bytes_in, bytes_out, quantile(.5), quantile(.99), quantile(.999));
  return completed ? 0 : 1;
}
