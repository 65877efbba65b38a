"""How large structured content may be: by the published schemas where they say, else by the clients or by us."""

from typing import Final

MAX_TEXT: Final = 5_000
MAX_TITLE: Final = 128
MAX_CAPTION: Final = 128
MAX_URL: Final = 2_048
MAX_METADATA_TEXT: Final = 64
MAX_WORDS: Final = 2_000
"""Of texts that no published schema bounds: tooltips, names of actions, alternative texts."""

SHOWN_TOOLTIP: Final = 256
SHOWN_NAME: Final = 256
SHOWN_PUBLISHED: Final = 256
SHOWN_REPLY_TITLE: Final = 25
SHOWN_TAG: Final = 64
"""What the clients show of a text; more is cut off there, and warned of."""

MAX_ACTIONS: Final = 4
MAX_METADATA: Final = 100
MAX_CHILDREN: Final = 256
MAX_CARDS: Final = 10
MIN_CARDS: Final = 2
MAX_ELEMENTS: Final = 1_000
MAX_LEVELS: Final = 10
MAX_REPLIES: Final = 24
MAX_PER_ROW: Final = 8
