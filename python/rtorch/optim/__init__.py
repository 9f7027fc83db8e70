# torch.optim
