"""The same work by the packages that others publish, as far as each can do it.

Each peer gives figures under our names for them. What it has no call for is left out: where a
peer has no batch or no anchor, nothing is made up for it. No peer checks a role or a pause in
`OpenZeppelin`, `Solady` and `ERC721A`: libraries leave that to their users.
"""

from collections.abc import Callable
from typing import Any, Final

from web3 import Web3

from chain.local.accounts import ADMIN, BUYER, EXPORTER
from chain.local.node import LocalNode
from nftsvc.core.cid import Cid
from nftsvc.core.merkle import Leaf, MerkleTree
from nftsvc.core.types import Address
from tests.bench.gas import packages
from tests.bench.gas.meter import Meter
from tests.bench.gas.ours import digest, token
from tests.bench.gas.packages import Code

NOBODY: Final = "0x" + "0" * 40
ZERO: Final = bytes(32)

Figures = dict[str, float]
Peer = Callable[[LocalNode, int], Figures]


class BareLeaf(Leaf):
    """A leaf that is the document's digest itself, as OpenAttestation has it."""

    @property
    def hash(self) -> bytes:
        return self.digest


def uri(number: int) -> str:
    """`ipfs://` and the CIDv1 of the manifest: 66 bytes."""
    return f"ipfs://{Cid.raw(digest(number))}"


def openzeppelin(node: LocalNode, many: int) -> Figures:
    meter = _deployed(node, packages.tokens()["HashToken"])
    meter.pay("issue", BUYER.address, digest(0), by=ADMIN, row="first")
    return _token(meter, many) | {"revoke": meter.pay("revoke", digest(1), by=ADMIN)}


def openzeppelin_uri(node: LocalNode, many: int) -> Figures:
    meter = _deployed(node, packages.tokens()["UriToken"])
    meter.pay("issue", BUYER.address, digest(0), uri(0), by=ADMIN, row="first")
    issue = meter.pay("issue", BUYER.address, digest(1), uri(1), by=ADMIN)
    slots = meter.new_slots()
    numbers = range(1000, 1000 + many)
    given = [digest(n) for n in numbers], [uri(n) for n in numbers]
    batch = meter.pay("issueMany", [BUYER.address] * many, *given, by=ADMIN)
    return {
        "issue": issue,
        "batch100_per_document": batch / many,
        "amend": meter.pay("amend", digest(1), uri(2), by=ADMIN),
        "revoke": meter.pay("revoke", digest(1), by=ADMIN),
        "new_slots_issue": slots,
    }


def solady(node: LocalNode, many: int) -> Figures:
    meter = _deployed(node, packages.tokens()["SoladyToken"])
    meter.pay("issue", BUYER.address, digest(0), by=ADMIN, row="first")
    return _token(meter, many) | {"revoke": meter.pay("revoke", digest(1), by=ADMIN)}


def erc721a(node: LocalNode, many: int) -> Figures:
    meter = _deployed(node, packages.tokens()["CountedToken"])
    meter.pay("issue", BUYER.address, digest(0), by=ADMIN, row="first")
    issue = meter.pay("issue", BUYER.address, digest(1), by=ADMIN)
    slots = meter.new_slots()
    digests = [digest(1000 + n) for n in range(many)]
    return {
        "issue": issue,
        "batch100_per_document": meter.pay("issueMany", BUYER.address, digests, by=ADMIN) / many,
        "amend": meter.pay("amend", 1, digest(2), by=ADMIN),
        "revoke": meter.pay("revoke", 1, by=ADMIN),
        "new_slots_issue": slots,
    }


def attestation(node: LocalNode, many: int, *, with_uri: bool = False) -> Figures:
    """A revocable attestation to the holder, of a schema without a resolver."""
    code = packages.attestation_service()
    registry = _deployed(node, code["SchemaRegistry"])
    eas = _deployed(node, code["EAS"], registry.address)
    schema = "bytes32 digest, string uri" if with_uri else "bytes32 digest"
    registry.pay("register", schema, NOBODY, True, by=ADMIN)  # noqa: FBT003
    uid = Web3.keccak(schema.encode() + bytes(20) + b"\1")

    def data(number: int) -> tuple[Any, ...]:
        types = ["bytes32", "string"] if with_uri else ["bytes32"]
        values = [digest(number), uri(number)] if with_uri else [digest(number)]
        return BUYER.address, 0, True, ZERO, eas.w3.codec.encode(types, values), 0

    eas.pay("attest", (uid, data(0)), by=ADMIN, row="first")
    issue = eas.pay("attest", (uid, data(1)), by=ADMIN)
    slots = eas.new_slots()
    made = eas.contract.events.Attested().process_receipt(eas.receipt)[0]["args"]["uid"]
    requests = [(uid, [data(1000 + n) for n in range(many)])]
    return {
        "issue": issue,
        "batch100_per_document": eas.pay("multiAttest", requests, by=ADMIN) / many,
        "revoke": eas.pay("revoke", (uid, (made, 0)), by=ADMIN),
        "new_slots_issue": slots,
    }


def attestation_uri(node: LocalNode, many: int) -> Figures:
    return attestation(node, many, with_uri=True)


def timestamp(node: LocalNode, many: int) -> Figures:
    """A bare hash with a time, of nobody: a stranger may take it first."""
    code = packages.attestation_service()
    eas = _deployed(node, code["EAS"], _deployed(node, code["SchemaRegistry"]).address)
    one = eas.pay("timestamp", digest(1), by=ADMIN)
    slots = eas.new_slots()
    digests = [digest(1000 + n) for n in range(many)]
    return {
        "anchor_one": one,
        "batch100_per_document": eas.pay("multiTimestamp", digests, by=ADMIN) / many,
        "anchor1000_per_document": one / 1000,
        "revoke": eas.pay("revokeOffchain", digest(1), by=ADMIN),
        "new_slots_issue": slots,
    }


def trade_trust(node: LocalNode, _: int) -> Figures:
    """A title with its escrow contract. To revoke one, its holder returns it and we burn it."""
    code = packages.trade_trust()
    factory = _deployed(node, code["TitleEscrowFactory"])
    registry = _deployed(node, code["TradeTrustToken"], "Peer", "PEER", factory.address)
    both = BUYER.address, BUYER.address
    registry.pay("mint", *both, token(0), b"", by=ADMIN, row="first")
    issue = registry.pay("mint", *both, token(1), b"", by=ADMIN)
    slots = registry.new_slots()
    escrow, other = (
        Meter(
            node,
            abi=code["TitleEscrow"].abi,
            address=factory.view("getEscrowAddress", registry.address, token(number)),
        )
        for number in (1, 0)
    )
    assign = escrow.pay("transferOwners", EXPORTER.address, EXPORTER.address, b"", by=BUYER)
    returned = other.pay("returnToIssuer", b"", by=BUYER)
    return {
        "issue": issue,
        "assign_two_consents": assign,
        "revoke": returned + registry.pay("burn", token(0), b"", by=ADMIN),
        "new_slots_issue": slots,
    }


def trust_vc_token(node: LocalNode, _: int) -> Figures:
    """A token that its holder may transfer; one that is locked, as ours are, takes a slot more."""
    code = packages.trust_vc()["TransferableDocumentStore"]
    store = _deployed(node, code, "Peer", "PEER", ADMIN.address)
    store.pay("issue", BUYER.address, digest(0), False, by=ADMIN, row="first")  # noqa: FBT003
    issue = store.pay("issue", BUYER.address, digest(1), False, by=ADMIN)  # noqa: FBT003
    slots = store.new_slots()
    locked = store.pay("issue", BUYER.address, digest(2), True, by=ADMIN, row="locked")  # noqa: FBT003
    return {
        "issue": issue,
        "issue_locked": locked,
        "revoke": store.pay("revoke", digest(1), by=ADMIN),
        "new_slots_issue": slots,
    }


def trust_vc_store(node: LocalNode, many: int) -> Figures:
    """Anchors of one issuer, no tokens. A batch is its `multicall`."""
    store = _deployed(node, packages.trust_vc()["DocumentStore"], "Peer", ADMIN.address)
    tree = MerkleTree([BareLeaf(Address(BUYER.address), digest(5000 + n)) for n in range(1000)])
    one = store.pay("issue", tree.root, by=ADMIN)
    slots = store.new_slots()
    calls = [store.contract.encode_abi("issue", [digest(1000 + n)]) for n in range(many)]
    leaf = tree.root, digest(5009), tree.proof(9)
    return {
        "anchor_one": one,
        "anchor1000_per_document": one / 1000,
        "batch100_per_document": store.pay("multicall", calls, by=ADMIN) / many,
        "revoke": store.pay("revoke(bytes32)", digest(1000), by=ADMIN),
        "revoke_leaf_of_1000": store.pay("revoke(bytes32,bytes32,bytes32[])", *leaf, by=ADMIN),
        "new_slots_issue": slots,
    }


PEERS: Final[dict[str, Peer]] = {
    "OpenZeppelin ERC721": openzeppelin,
    "OpenZeppelin ERC721URIStorage": openzeppelin_uri,
    "Solady ERC721 with extraData": solady,
    "ERC721A with a hash": erc721a,
    "EAS, bytes32": attestation,
    "EAS, bytes32 and string": attestation_uri,
    "EAS timestamp": timestamp,
    "TradeTrust token registry": trade_trust,
    "TrustVC transferable store": trust_vc_token,
    "TrustVC document store": trust_vc_store,
}


def compare(node: LocalNode, *, many: int = 100) -> dict[str, Figures]:
    """Every peer's figures on `node`. A batch is of `many`. Raises `PeersMissing`."""
    packages.bring()
    return {name: work(node, many) for name, work in PEERS.items()}


def _deployed(node: LocalNode, code: Code, *given: Any) -> Meter:
    return Meter.deploy(node, *given, abi=code.abi, bytecode=code.bytecode)


def _token(meter: Meter, many: int) -> Figures:
    issue = meter.pay("issue", BUYER.address, digest(1), by=ADMIN)
    slots = meter.new_slots()
    digests = [digest(1000 + n) for n in range(many)]
    batch = meter.pay("issueMany", [BUYER.address] * many, digests, by=ADMIN)
    return {"issue": issue, "batch100_per_document": batch / many, "new_slots_issue": slots}
