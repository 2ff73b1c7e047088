"""What implementations are tried on: networks, and the batches that go with them."""
