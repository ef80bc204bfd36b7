"""The operations: primitives, and composites that stand on them."""
