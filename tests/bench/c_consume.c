/* How fast one C client consumes: librabbitmq, one channel, an ack for each hundred deliveries.
 *
 *   c_consume PORT QUEUE COUNT
 */
#include <amqp.h>
#include <amqp_tcp_socket.h>
#include <stdio.h>
#include <stdlib.h>

enum { CHANNEL = 1, PREFETCH = 1000, ACKED_TOGETHER = 100 };

static void must(int condition, const char *what) {
    if (!condition) {
        fprintf(stderr, "c_consume: %s failed\n", what);
        exit(1);
    }
}

static void take(amqp_connection_state_t connection, long number, long total) {
    amqp_envelope_t envelope;
    amqp_maybe_release_buffers(connection);
    amqp_rpc_reply_t taken = amqp_consume_message(connection, &envelope, NULL, 0);
    must(taken.reply_type == AMQP_RESPONSE_NORMAL, "taking a message");
    if (number % ACKED_TOGETHER == 0 || number == total)
        must(amqp_basic_ack(connection, CHANNEL, envelope.delivery_tag, 1) == AMQP_STATUS_OK, "acking");
    amqp_destroy_envelope(&envelope);
}

int main(int count, char **words) {
    must(count == 4, "reading three arguments");
    amqp_connection_state_t connection = amqp_new_connection();
    amqp_socket_t *tcp = amqp_tcp_socket_new(connection);
    must(tcp != NULL, "making a socket");
    must(amqp_socket_open(tcp, "127.0.0.1", atoi(words[1])) == AMQP_STATUS_OK, "connecting");
    amqp_rpc_reply_t login = amqp_login(connection, "/", 0, 131072, 0, AMQP_SASL_METHOD_PLAIN, "guest", "guest");
    must(login.reply_type == AMQP_RESPONSE_NORMAL, "logging in");
    must(amqp_channel_open(connection, CHANNEL) != NULL, "opening a channel");
    must(amqp_basic_qos(connection, CHANNEL, 0, PREFETCH, 0) != NULL, "setting the prefetch");
    must(amqp_basic_consume(connection, CHANNEL, amqp_cstring_bytes(words[2]), amqp_empty_bytes, 0, 0, 0,
                            amqp_empty_table) != NULL,
         "consuming");
    long total = atol(words[3]);
    for (long number = 1; number <= total; number++)
        take(connection, number, total);
    amqp_connection_close(connection, AMQP_REPLY_SUCCESS);
    return 0;
}
