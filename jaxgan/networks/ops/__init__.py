"""Operations that networks are made of."""
