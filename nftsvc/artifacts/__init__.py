"""What `scripts/compile` wrote: abi and bytecode of each contract."""
