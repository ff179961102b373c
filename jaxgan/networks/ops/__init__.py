"""Operations for networks: convolutions."""
