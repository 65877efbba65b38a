"""The names of objects in the store: by account, then by the first letters of the file's random id."""


def object_name(account_id: str, file_id: str) -> str:
    """Where a file's bytes lie."""
    return f"{account_id}/{file_id[:2]}/{file_id[2:4]}/{file_id}"


def preview_name(account_id: str, file_id: str) -> str:
    """Where its preview lies."""
    return object_name(account_id, file_id) + ".preview"
