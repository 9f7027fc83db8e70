ops! {}
