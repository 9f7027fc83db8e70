"""accelerate: a training loop with accumulation, clipping and a saved state; peft: LoRA on a small GPT-2, merged."""

import tempfile

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from peft import LoraConfig, get_peft_model
from report import report, summary
from transformers import GPT2Config, GPT2LMHeadModel

set_seed(0)
accelerator = Accelerator(cpu=True, gradient_accumulation_steps=2)
net = torch.nn.Sequential(torch.nn.Linear(4, 16), torch.nn.Tanh(), torch.nn.Linear(16, 1))
data = torch.utils.data.TensorDataset(torch.randn(32, 4), torch.randn(32, 1))
optimizer = torch.optim.AdamW(net.parameters(), lr=1e-2)
schedule = torch.optim.lr_scheduler.StepLR(optimizer, 4, 0.5)
net, optimizer, loader, schedule = accelerator.prepare(
    net, optimizer, torch.utils.data.DataLoader(data, batch_size=8, shuffle=True), schedule
)
losses = []
for _ in range(3):
    for x, y in loader:
        with accelerator.accumulate(net):
            loss = torch.nn.functional.mse_loss(net(x), y)
            accelerator.backward(loss)
            if accelerator.sync_gradients:
                accelerator.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
        losses.append(loss.item())
with tempfile.TemporaryDirectory() as folder:
    accelerator.save_state(folder)
    before = summary(net.parameters())
    with torch.no_grad():
        for p in net.parameters():
            p.zero_()
    accelerator.load_state(folder)
    assert summary(net.parameters()) == before

torch.manual_seed(1)
gpt = GPT2LMHeadModel(GPT2Config(n_embd=32, n_layer=2, n_head=4, vocab_size=99, n_positions=32))
lora = get_peft_model(gpt, LoraConfig(r=4, lora_alpha=8, target_modules=["c_attn"], fan_in_fan_out=True))
ids = torch.randint(0, 99, (2, 8))
adam = torch.optim.Adam([p for p in lora.parameters() if p.requires_grad], lr=1e-2)
tuned = []
lora.eval()
for _ in range(3):
    loss = lora(input_ids=ids, labels=ids).loss
    adam.zero_grad()
    loss.backward()
    adam.step()
    tuned.append(loss.item())
with torch.no_grad():
    merged = lora.merge_and_unload()(input_ids=ids).logits.abs().sum()
report(losses=losses, weights=before, lora=tuned, merged=merged)
