"""Crashes at points by name: what is lost, what is repeated, and what is left where.

Between two steps of a message there is a window, in which a crash finds one done and the other not. A run hits each of
them 20 times on purpose and looks each time into the store, the queue, the wait queue and the dead-letter queue. More
often is `AMQPTOOL_TEST_CRASHES=1000 make test T="tests/faults/crashes -o timeout=3600"`. Nothing is lost in any of
them, and only W2, W4 and W9 repeat an effect:

W0   delivered, not claimed
         test_claims.test_w0_delivered_and_not_claimed
W1   claimed, handler not begun
         test_claims.test_w1_claimed_and_not_begun
W2   handler begun, not done: it runs again; an effect that it had is repeated, unless it is in the transaction of DONE
         test_done.test_w2_begun_without_an_effect
         test_done.test_w2_an_effect_without_done
         test_done.test_w2_an_effect_and_no_end_of_its_handler
         test_done.test_w2_of_several_handlers
         test_done.test_w2_is_closed_by_a_transaction
         tests.work.test_transaction_kills.test_killed_workers_cost_no_effect_and_repeat_none
         tests.work.test_kills.test_a_message_that_kills_its_process_is_dead_in_the_end_and_its_neighbours_are_handled
W3   done, not acknowledged: a duplicate
         test_done.test_w3_done_and_not_acknowledged
         test_done.test_w3_acknowledgements_lost_with_their_worker
         test_done.test_w3_acknowledgements_lost_with_their_connection
W4   done, and forgotten by its store: an effect is repeated
         test_forgetting.test_w4_done_undone_by_a_power_cut
         test_forgetting.test_w4_done_undone_by_redis
         test_forgetting.test_w4_done_kept_by_postgresql
W5a  failed and copied, not released: two copies, of which one has the effect
         test_copies.test_w5a_copied_and_not_released
W5b  failed and released, not acknowledged: the message or its copy has the effect
         test_copies.test_w5b_released_and_not_acknowledged
W5c  copied, and not known to be confirmed: as W5a
         test_copies.test_w5c_copies_in_doubt
W6   dead-lettered, not acknowledged: two dead letters of one id
         test_copies.test_w6_dead_and_not_acknowledged
W7   published, and not known to be confirmed: a duplicate
         test_publisher.test_w7_confirms_lost_with_their_publisher
         test_publisher.test_w7_confirms_lost_with_their_connection
W8   cut off from the broker within the handler: whoever gets the message waits
         test_partitions.test_w8_cut_off_from_the_broker
         tests.work.test_broker_limits.test_a_handler_slower_than_the_broker_allows_runs_once
W9   cut off from the store within the handler, for longer than the lease: an effect is repeated
         test_partitions.test_w9_cut_off_from_the_store_for_longer_than_its_lease
W10  dead-lettered by the broker, which may lose it: amqptool does not reject
         test_copies.test_w10_nothing_is_rejected

The product has no hook for it. Where a process ends is

- in the dedup store that its worker is given, before or after some call (`store`);
- in its handler, before or after the effect (`handlers`);
- where a frame of AMQP is on its way, which is dropped (`wire`).
"""
