"""All SQL of the messaging room. Functions take a transaction and never commit.

Rows that a batch changes are locked in the order of their keys, consumers before conversations, so that batches on
several nodes cannot wait for each other in a circle.
"""

from switchbay.messaging.store.consumers import (
    consumer_from,
    find_consumer,
    insert_consumers,
    list_consumers,
    lock_consumers,
    update_consumers,
)
from switchbay.messaging.store.conversations import (
    conversation_from,
    find_conversation,
    insert_conversations,
    list_conversations,
    list_conversations_of,
    list_open,
    list_open_of,
    lock_conversations,
    update_conversations,
)
from switchbay.messaging.store.due import Said, due_row, insert_due
from switchbay.messaging.store.events import event_row, insert_events, list_events
from switchbay.messaging.store.feed import (
    PAGES_AT_ONCE,
    insert_pages,
    list_page_nodes,
    list_pages,
    page_row,
    purge_pages,
)
from switchbay.messaging.store.idempotency import (
    PURGED_AT_ONCE,
    find_outcomes,
    insert_outcomes,
    outcome_row,
    purge_outcomes,
)
from switchbay.messaging.store.keys import Key
from switchbay.messaging.store.moves import insert_moves, list_moves, move_rows
from switchbay.messaging.store.participants import find_talking, follow_participants, list_conversation_ids_of
from switchbay.messaging.store.queue import follow_queue, list_waiting_since, waits_no_more_so

__all__ = [
    "PAGES_AT_ONCE",
    "PURGED_AT_ONCE",
    "Key",
    "Said",
    "consumer_from",
    "conversation_from",
    "due_row",
    "event_row",
    "find_consumer",
    "find_conversation",
    "find_outcomes",
    "find_talking",
    "follow_participants",
    "follow_queue",
    "insert_consumers",
    "insert_conversations",
    "insert_due",
    "insert_events",
    "insert_moves",
    "insert_outcomes",
    "insert_pages",
    "list_consumers",
    "list_conversation_ids_of",
    "list_conversations",
    "list_conversations_of",
    "list_events",
    "list_moves",
    "list_open",
    "list_open_of",
    "list_page_nodes",
    "list_pages",
    "list_waiting_since",
    "lock_consumers",
    "lock_conversations",
    "move_rows",
    "outcome_row",
    "page_row",
    "purge_outcomes",
    "purge_pages",
    "update_consumers",
    "update_conversations",
    "waits_no_more_so",
]
