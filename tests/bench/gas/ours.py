"""What each call of our contracts costs. The holder has a token already."""

import hashlib
from pathlib import Path
from typing import Any, Final

from eth_account import Account

from chain.local.accounts import (
    ADMIN,
    BUYER,
    CUSTODY,
    EXPORTER,
    ISSUER,
    REGISTRAR,
    STRANGER,
    LocalAccount,
)
from chain.local.node import LocalNode
from nftsvc.adapters.artifacts import artifact
from nftsvc.core.merkle import Leaf, MerkleTree
from nftsvc.core.types import Address, AssetKind, Digest
from tests.bench.gas.meter import Meter
from tests.bench.gas.views import views

DAY: Final = 24 * 3600
FOREVER: Final = 2**40 - 1
SNAPSHOT: Final = Path(__file__).resolve().parents[2] / "contracts" / "gas-snapshot.json"
PAGE: Final = Path(__file__).resolve().parents[3] / "docs" / "reference" / "gas.md"
TARGETS: Final = {
    "issue": 58_200,
    "batch100_per_document": 28_600,
    "anchor1000_per_document": 49,
    "claim": 68_000,
    "issue_two_consents": 72_000,
    "amend": 62_117,
    "revoke": 62_117,
    "assign_two_consents": 112_901,
    "new_slots_issue": 1,
}
REFUSED: Final = {
    "ExportContract": {"approve", "setApprovalForAll", "transferFrom", "safeTransferFrom"},
    "ProductContent": set[str](),
}
"""These refuse every call there: export contracts move by consent alone."""


def digest(number: int) -> Digest:
    return Digest(hashlib.sha256(b"document %d" % number).digest())


def token(number: int) -> int:
    return int.from_bytes(digest(number), "big")


def signature(given: bytes, by: LocalAccount) -> bytes:
    return bytes(Account.unsafe_sign_hash(given, by.private_key).signature)


def deploy(node: LocalNode, kind: AssetKind) -> Meter:
    """One of the two contracts, fresh."""
    compiled = artifact(kind)
    given: list[Any] = [ADMIN.address, DAY, DAY]
    if kind is AssetKind.PRODUCT_CONTENT:
        given += [ISSUER.address, 250]
    return Meter.deploy(node, *given, abi=compiled["abi"], bytecode=compiled["bytecode"])


def shared(meter: Meter) -> None:
    """The work of both contracts."""
    registrar, pauser = meter.view("REGISTRAR_ROLE"), meter.view("PAUSER_ROLE")
    meter.pay("authorizeIssuer", ISSUER.address, by=ADMIN)
    meter.pay("grantRole", registrar, REGISTRAR.address, by=ADMIN)
    meter.pay("grantRole", pauser, CUSTODY.address, by=ADMIN)
    meter.pay("issue", BUYER.address, digest(0), by=ISSUER, row="issue, first of its holder")
    meter.pay("issue", BUYER.address, digest(1), by=ISSUER)
    meter.gas["new_slots_issue"], meter.floors["new_slots_issue"] = meter.new_slots(), 1
    many = [digest(1000 + n) for n in range(100)]
    meter.pay("issueMany", [BUYER.address] * 100, many, by=ISSUER, row="issueMany of 100")
    leaves = [(BUYER.address, digest(5000 + n)) for n in range(1000)]
    tree, pair = (
        MerkleTree([Leaf(Address(h), d) for h, d in part]) for part in (leaves, leaves[:2])
    )
    meter.pay("attestTree", tree.root, by=ISSUER)
    meter.pay("attestTree", pair.root, by=ISSUER, row="attestTree, second")
    meter.pay("claimOne", ISSUER.address, tree.root, *leaves[7], tree.proof(7), by=STRANGER)
    both = [list(part) for part in zip(*leaves[:2], strict=True)]
    meter.pay("claimMany", ISSUER.address, pair.root, *both, [], [True], by=STRANGER)
    meter.pay(
        "revokeLeaf", ISSUER.address, tree.root, *leaves[9], tree.proof(9), digest(9), by=ISSUER
    )
    meter.pay("amend", token(1), digest(2000), by=ISSUER)
    meter.pay("amend", token(1), digest(2001), by=ISSUER, row="amend, second")
    meter.pay("suspend", token(1), digest(9), by=ISSUER)
    meter.pay("restore", token(1), digest(9), by=ISSUER)
    meter.pay("revoke", token(1), digest(9), by=ISSUER)
    meter.pay("proposeRecovery", token(1000), EXPORTER.address, by=REGISTRAR)
    meter.pay("stopRecovery", token(1000), by=BUYER)
    meter.pay("proposeRecovery", token(1001), EXPORTER.address, by=REGISTRAR, row="again")
    meter.later(DAY + 1)
    meter.pay("executeRecovery", token(1001), by=REGISTRAR)
    del meter.gas["again"]


def roles(meter: Meter) -> None:
    """The keepers' work, the end of every issuer included: comes last."""
    pauser = meter.view("PAUSER_ROLE")
    meter.pay("pause", by=CUSTODY)
    meter.pay("unpause", by=CUSTODY)
    meter.pay("renounceRole", pauser, CUSTODY.address, by=CUSTODY)
    meter.pay("authorizeColleague", EXPORTER.address, ISSUER.address, by=ADMIN)
    meter.pay("suspendIssuer", EXPORTER.address, by=REGISTRAR)
    meter.pay("distrustIssuer", ISSUER.address, 1, by=REGISTRAR)
    meter.pay("revokeRole", meter.view("REGISTRAR_ROLE"), REGISTRAR.address, by=ADMIN)
    meter.pay("changeDefaultAdminDelay", 2 * DAY, by=ADMIN)
    meter.pay("rollbackDefaultAdminDelay", by=ADMIN)
    meter.pay("beginDefaultAdminTransfer", STRANGER.address, by=ADMIN)
    meter.pay("cancelDefaultAdminTransfer", by=ADMIN)
    meter.pay("beginDefaultAdminTransfer", STRANGER.address, by=ADMIN)
    meter.later(DAY + 1)
    meter.pay("acceptDefaultAdminTransfer", by=STRANGER)


def export(meter: Meter) -> None:
    """What needs two consents."""
    for number, exporter, by, row in (
        (76, ISSUER, STRANGER, "the exporter's own key, relayed"),
        (77, EXPORTER, ISSUER, "by the issuer"),
        (78, EXPORTER, STRANGER, "relayed with the issuer's signature"),
    ):
        parties = (ISSUER.address, exporter.address, BUYER.address, BUYER.address)
        deal = (digest(number), *parties, FOREVER)
        asked = meter.view("dealDigest", deal)
        third = signature(asked, ISSUER) if ISSUER not in (exporter, by) else b""
        given = (deal, signature(asked, exporter), signature(asked, BUYER), third)
        meter.pay("issueConsented", *given, by=by, row=f"issueConsented, {row}")
    meter.pay("issue", EXPORTER.address, digest(80), by=ISSUER)
    head = meter.view("recordOf", token(78))[7]
    moved = (token(78), BUYER.address, EXPORTER.address, head, FOREVER)
    asked = meter.view("assignmentDigest", moved)
    meter.pay("assign", moved, signature(asked, BUYER), signature(asked, EXPORTER), by=STRANGER)


def product(meter: Meter) -> None:
    """What moves freely."""
    meter.pay("setRoyalty", EXPORTER.address, 300, by=ADMIN)
    meter.pay("setApprovalForAll", STRANGER.address, True, by=BUYER)  # noqa: FBT003
    meter.pay("approve", STRANGER.address, token(1010), by=BUYER)
    asked = meter.view("permitDigest", STRANGER.address, token(1011), FOREVER)
    given = (STRANGER.address, token(1011), FOREVER, signature(asked, BUYER))
    meter.pay("permit", *given, by=CUSTODY)
    meter.pay("transferFrom", BUYER.address, EXPORTER.address, token(1012), by=BUYER)
    for name, number, data in (
        ("safeTransferFrom(address,address,uint256)", 1013, ()),
        ("safeTransferFrom(address,address,uint256,bytes)", 1014, (b"\1",)),
    ):
        meter.pay(name, BUYER.address, EXPORTER.address, token(number), *data, by=BUYER)


def meters(node: LocalNode) -> dict[str, Meter]:
    """Every function of both contracts, by contract."""
    found = {}
    for kind, special in (
        (AssetKind.EXPORT_CONTRACT, export),
        (AssetKind.PRODUCT_CONTENT, product),
    ):
        meter = deploy(node, kind)
        shared(meter)
        special(meter)
        views(meter, kind, tokens=[token(1015 + n) for n in range(80)])
        roles(meter)
        found[kind.contract_name] = meter
    return found


def snapshot(found: dict[str, Meter]) -> dict[str, dict[str, int]]:
    """What is kept in the repository: gas by contract and row."""
    return {name: dict(sorted(meter.gas.items())) for name, meter in found.items()}


def figures(gas: dict[str, int]) -> dict[str, float]:
    """The figures of the export contract that are compared, of its gas or of its floors.

    `issue_two_consents` is a stranger relaying both parties' signatures, the exporter being the
    issuer key. Where that key is another, it sends itself or signs too: a figure each.
    """
    return {
        "issue": gas["issue"],
        "batch100_per_document": gas["issueMany of 100"] / 100,
        "anchor1000_per_document": gas["attestTree"] / 1000,
        "claim": gas["claimOne"],
        "issue_two_consents": gas["issueConsented, the exporter's own key, relayed"],
        "issue_two_consents_by_the_issuer": gas["issueConsented, by the issuer"],
        "issue_two_consents_and_issuer_signature": gas[
            "issueConsented, relayed with the issuer's signature"
        ],
        "amend": gas["amend"],
        "revoke": gas["revoke"],
        "assign_two_consents": gas["assign"],
        "anchor_one": gas["attestTree"],
        "revoke_leaf_of_1000": gas["revokeLeaf"],
        "new_slots_issue": gas["new_slots_issue"],
    }
