"""x-transformers: a decoder with rotary positions and an encoder: loss, backward, a step, generate."""

import torch
from report import report, summary
from x_transformers import AutoregressiveWrapper, Decoder, Encoder, TransformerWrapper

torch.manual_seed(0)
model = AutoregressiveWrapper(
    TransformerWrapper(
        num_tokens=50, max_seq_len=32, attn_layers=Decoder(dim=32, depth=2, heads=4, rotary_pos_emb=True, ff_glu=True)
    )
)
x = torch.randint(0, 50, (2, 24))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
losses = []
for _ in range(3):
    loss = model(x)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
made = model.generate(x[:, :4], 8, temperature=0.0)
flash = TransformerWrapper(
    num_tokens=50, max_seq_len=32, attn_layers=Encoder(dim=32, depth=1, heads=4, attn_flash=True)
)
out = flash(x, mask=torch.ones_like(x).bool(), return_embeddings=True)
out.square().mean().backward()
report(
    losses=losses,
    made=made,
    encoder=out.abs().sum(),
    grads=summary(p.grad for p in flash.parameters() if p.grad is not None),
)
