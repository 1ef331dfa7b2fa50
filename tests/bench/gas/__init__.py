"""What calls cost: whole-transaction gas, from receipts on one Anvil, ours beside the peers.

The same work runs through each: one document issued to a holder who has a token already, a
batch of 100, a root of 1,000, an amendment, a revocation, a transfer of a title. Everything that
goes into a transaction is the same at every run, so the figures are exact. EAS, TradeTrust and
TrustVC are deployed as their packages ship them; libraries (OpenZeppelin, Solady, ERC721A) in the
smallest token that records a hash, without a role, by our compiler and settings. FireFly's
sample is on no registry: OpenZeppelin ERC721URIStorage does the same work.

The floor is what our own transaction's calldata, changed slots and logs cost without any code,
and without the `Locked` event that only a locked token writes.
"""
