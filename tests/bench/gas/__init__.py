"""What calls cost: whole-transaction gas, from receipts on one Anvil.

Everything that goes into a transaction is the same at every run, so the figures are exact.
"""
