"""The files of conversations: signed addresses, where the bytes lie, previews, scanning, tidying."""
