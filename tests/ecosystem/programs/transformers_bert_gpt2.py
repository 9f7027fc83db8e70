"""transformers: a small BERT and a small GPT-2 with random weights: forward, loss, backward, a step, generate, files."""

import tempfile

import torch
from report import report, summary
from transformers import BertConfig, BertForMaskedLM, BertForSequenceClassification, GPT2Config, GPT2LMHeadModel

small = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64, "vocab_size": 99}
torch.manual_seed(0)
bert = BertForSequenceClassification(BertConfig(**small, num_labels=3)).eval()
ids = torch.randint(5, 99, (2, 11))
mask = torch.ones_like(ids)
mask[1, 7:] = 0
out = bert(input_ids=ids, attention_mask=mask, labels=torch.tensor([0, 2]), output_hidden_states=True)
out.loss.backward()
grads = summary(p.grad for p in bert.parameters() if p.grad is not None)
masked = BertForMaskedLM(BertConfig(**small))
masked.train()
torch.manual_seed(1)
mlm = masked(input_ids=ids, attention_mask=mask, labels=ids).loss

torch.manual_seed(2)
gpt = GPT2LMHeadModel(
    GPT2Config(n_embd=32, n_layer=2, n_head=4, vocab_size=99, n_positions=64, bos_token_id=0, eos_token_id=1)
)
optimizer = torch.optim.AdamW(gpt.parameters(), lr=1e-2)
losses = []
for step in range(4):
    torch.manual_seed(step)
    loss = gpt(input_ids=ids, labels=ids).loss
    loss.backward()
    torch.nn.utils.clip_grad_norm_(gpt.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad()
    losses.append(loss.item())
gpt.eval()
options = {"max_new_tokens": 12, "pad_token_id": 1, "attention_mask": torch.ones_like(ids)}
greedy = gpt.generate(ids, do_sample=False, **options)
beams = gpt.generate(ids, do_sample=False, num_beams=3, **options)
torch.manual_seed(3)
sampled = gpt.generate(ids, do_sample=True, top_k=20, top_p=0.9, temperature=0.8, **options)
with tempfile.TemporaryDirectory() as folder:
    gpt.save_pretrained(folder)
    again = GPT2LMHeadModel.from_pretrained(folder).eval()
    with torch.no_grad():
        same = (again(input_ids=ids).logits - gpt(input_ids=ids).logits).abs().max()
report(
    bert_loss=out.loss,
    bert_logits=out.logits,
    bert_hidden=summary(out.hidden_states),
    bert_grads=grads,
    mlm=mlm,
    gpt_losses=losses,
    greedy=greedy,
    beams=beams,
    sampled=sampled,
    saved_difference=same,
)
