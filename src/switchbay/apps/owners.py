"""Telling the webhooks room about an app: its endpoints, and which secrets sign what is sent to them."""

from switchbay.apps import documents
from switchbay.apps.domain.installations import Installation
from switchbay.apps.store import secrets
from switchbay.infra.db import Tx
from switchbay.infra.vault import Vault
from switchbay.webhooks.public import Owner, set_owner


async def publish_owner(tx: Tx, vault: Vault, installation: Installation, now: int) -> None:
    """Store the app's webhook configuration, in the transaction that changes the app."""
    texts = await secrets.open_texts(tx, vault, installation.account_id, (installation.installation_id,))
    signing = next(secret for secret in installation.secrets if secret.signs)
    rotating = (secret for secret in installation.secrets if secret.is_primary and not secret.signs)
    other = next((secret for secret in rotating if secret.is_valid(now)), None)
    owner = Owner(
        account_id=installation.account_id,
        owner_id=installation.installation_id,
        client_id=installation.installation_id,
        enabled=installation.enabled,
        endpoints=documents.endpoints(installation.document),
        retention_time=documents.retention_time(installation.document),
        signing_secret=texts[installation.installation_id, signing.secret_id],
        other_secret=None if other is None else texts[installation.installation_id, other.secret_id],
        ordering=documents.ordering(installation.document),
        hears_all=installation.access is not None and installation.access.is_approved,
    )
    await set_owner(tx, vault, owner, now)
