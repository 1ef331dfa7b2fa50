"""The seams: everything outside the core, as the flows see it.

Where the other end can lie, the public method checks and the adapter fills the `_hook`.
Every port raises errors of `core.errors` only.
"""

from nftsvc.ports.accepting import Accepting, KnownRequest
from nftsvc.ports.alarms import AlarmBook
from nftsvc.ports.anchoring import Anchoring
from nftsvc.ports.audits import Audits
from nftsvc.ports.chain import Chain
from nftsvc.ports.clock import Clock
from nftsvc.ports.contents import BlockReader, CheckedStore, ContentStore, Source, Upload, bounded
from nftsvc.ports.cores import Cores
from nftsvc.ports.engine import Engine, Journey, Steps
from nftsvc.ports.keys import KeyCustody, KeyLedger, KeyShares
from nftsvc.ports.leases import FOLLOWER, Fence, Leases, Role, Worker
from nftsvc.ports.ledger import Ledger
from nftsvc.ports.overview import Lane, Overview, Queue
from nftsvc.ports.previews import Previews
from nftsvc.ports.sealer import ByteSink, Sealer, SealingKey, SealingStream
from nftsvc.ports.signer import Signer
from nftsvc.ports.spool import Spool, Staging

__all__ = [
    "FOLLOWER",
    "Accepting",
    "AlarmBook",
    "Anchoring",
    "Audits",
    "BlockReader",
    "ByteSink",
    "Chain",
    "CheckedStore",
    "Clock",
    "ContentStore",
    "Cores",
    "Engine",
    "Fence",
    "Journey",
    "KeyCustody",
    "KeyLedger",
    "KeyShares",
    "KnownRequest",
    "Lane",
    "Leases",
    "Ledger",
    "Overview",
    "Previews",
    "Queue",
    "Role",
    "Sealer",
    "SealingKey",
    "SealingStream",
    "Signer",
    "Source",
    "Spool",
    "Staging",
    "Steps",
    "Upload",
    "Worker",
    "bounded",
]
