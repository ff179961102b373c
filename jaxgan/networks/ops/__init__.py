"""Operations for networks: convolutions, and statistics of a batch."""
