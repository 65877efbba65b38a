"""Quick replies: buttons below a message that go away once one is chosen."""

from typing import Final

from switchbay.content.domain import limits
from switchbay.content.domain.actions import Click
from switchbay.content.domain.elements import STYLE
from switchbay.content.domain.kinds import Anything, Choice, Flag, ListOf, Number, Record, Text

TYPE: Final = "quickReplies"

REPLY: Final = Record(
    "a quick reply",
    {
        "type": Choice(("button",)),
        "title": Text(limits.MAX_TITLE, limits.SHOWN_REPLY_TITLE, wanted=True),
        "tooltip": Text(limits.MAX_WORDS, limits.SHOWN_TOOLTIP),
        "alt": Text(limits.MAX_WORDS),
        "rtl": Flag(),
        "style": STYLE,
        "click": Click(),
        "image": Anything(),
        "metadata": Anything(),
        "accessibility": Anything(),
        "customSettings": Anything(),
    },
    {"type": "button", "title": None},
)
QUICK_REPLIES: Final = Record(
    "quickReplies",
    {
        "type": Choice((TYPE,)),
        "itemsPerRow": Number(1, limits.MAX_PER_ROW, whole=True),
        "replies": ListOf(REPLY, limits.MAX_REPLIES, 1),
        "metadata": Anything(),
        "accessibility": Anything(),
        "customSettings": Anything(),
    },
    {"type": TYPE, "itemsPerRow": limits.MAX_PER_ROW, "replies": None},
)
