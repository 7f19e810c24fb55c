/* How fast one C client publishes: librabbitmq, one channel, confirms with a window.
 *
 *   c_publish PORT QUEUE COUNT SIZE
 *
 * Publishes COUNT persistent messages of SIZE bytes through the default exchange, waits for every
 * confirm, and prints messages per second. */
#include <amqp.h>
#include <amqp_tcp_socket.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The window is that of amqptool/publish/window.py. */
enum { CHANNEL = 1, WINDOW = 10000, BURST = 100 };

static void must(int condition, const char *what) {
    if (!condition) {
        fprintf(stderr, "c_publish: %s failed\n", what);
        exit(1);
    }
}

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static amqp_connection_state_t open_channel(int port) {
    amqp_connection_state_t connection = amqp_new_connection();
    amqp_socket_t *tcp = amqp_tcp_socket_new(connection);
    must(tcp != NULL, "making a socket");
    must(amqp_socket_open(tcp, "127.0.0.1", port) == AMQP_STATUS_OK, "connecting");
    amqp_rpc_reply_t login =
        amqp_login(connection, "/", 0, 131072, 0, AMQP_SASL_METHOD_PLAIN, "guest", "guest");
    must(login.reply_type == AMQP_RESPONSE_NORMAL, "logging in");
    must(amqp_channel_open(connection, CHANNEL) != NULL, "opening a channel");
    must(amqp_confirm_select(connection, CHANNEL) != NULL, "asking for confirms");
    return connection;
}

/* Read what has come in, waiting for the first frame if told to; return the new count of confirms. */
static long read_confirms(amqp_connection_state_t connection, long confirmed, int wait) {
    struct timeval at_once = {0, 0};
    struct timeval *timeout = wait ? NULL : &at_once;
    amqp_frame_t frame;
    while (amqp_simple_wait_frame_noblock(connection, &frame, timeout) == AMQP_STATUS_OK) {
        timeout = &at_once;
        if (frame.frame_type != AMQP_FRAME_METHOD || frame.payload.method.id != AMQP_BASIC_ACK_METHOD)
            continue;
        const amqp_basic_ack_t *ack = frame.payload.method.decoded;
        confirmed = ack->multiple ? (long)ack->delivery_tag : confirmed + 1;
        amqp_maybe_release_buffers(connection);
    }
    return confirmed;
}

static void publish(amqp_connection_state_t connection, const char *queue, amqp_bytes_t body, long number) {
    char id[37];
    snprintf(id, sizeof id, "00000000-0000-4000-8000-%012ld", number);
    amqp_basic_properties_t properties = {
        ._flags = AMQP_BASIC_DELIVERY_MODE_FLAG | AMQP_BASIC_MESSAGE_ID_FLAG,
        .delivery_mode = AMQP_DELIVERY_PERSISTENT,
        .message_id = amqp_cstring_bytes(id),
    };
    must(amqp_basic_publish(connection, CHANNEL, amqp_empty_bytes, amqp_cstring_bytes(queue), 0, 0, &properties,
                            body) == AMQP_STATUS_OK,
         "publishing");
}

int main(int count, char **words) {
    must(count == 5, "reading four arguments");
    long total = atol(words[3]), sent = 0, confirmed = 0;
    amqp_bytes_t body = amqp_bytes_malloc((size_t)atol(words[4]));
    memset(body.bytes, 'x', body.len);
    amqp_connection_state_t connection = open_channel(atoi(words[1]));
    double started = seconds();
    while (confirmed < total) {
        for (int burst = 0; burst < BURST && sent < total && sent - confirmed < WINDOW; burst++)
            publish(connection, words[2], body, sent++);
        confirmed = read_confirms(connection, confirmed, sent == total || sent - confirmed >= WINDOW);
    }
    printf("%.0f\n", (double)total / (seconds() - started));
    amqp_connection_close(connection, AMQP_REPLY_SUCCESS);
    return 0;
}
