"""How many tokens a transaction carries, by what they were measured to cost."""

from nftsvc.core.transaction import TRANSACTION_GAS_CAP, gas_limit
from nftsvc.core.types import Gas
from nftsvc.flows.sizing import FIRST_GAS, REMEMBERED, GasMeter


def test_most__nothing_measured__is_careful() -> None:
    assert GasMeter().most == TRANSACTION_GAS_CAP * 10 // 12 // FIRST_GAS


def test_most__measured__fills_the_transaction_and_no_more() -> None:
    meter = GasMeter()
    meter.measured(Gas(2_730_000), tokens=100)
    assert meter.most > 500
    assert gas_limit(Gas(meter.most * 27_300)) <= TRANSACTION_GAS_CAP
    assert (meter.most + 1) * 27_300 * 12 // 10 > TRANSACTION_GAS_CAP


def test_most__one_dear_batch__counts_until_it_is_forgotten() -> None:
    meter = GasMeter()
    meter.measured(Gas(5_000_000), tokens=100)
    for _ in range(REMEMBERED):
        dear = meter.most
        meter.measured(Gas(2_700_000), tokens=100)
    assert dear < meter.most


def test_most__small_blocks_or_a_small_cap__fit() -> None:
    meter = GasMeter(cap=Gas(1_000_000))
    assert meter.most == 1_000_000 * 10 // 12 // FIRST_GAS
    meter.block_holds(Gas(500_000))
    assert meter.most == 500_000 * 10 // 12 // FIRST_GAS
    meter.block_holds(Gas(1))
    assert meter.most == 1
