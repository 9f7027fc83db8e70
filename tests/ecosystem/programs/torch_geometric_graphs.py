"""torch_geometric: GCN, GAT, SAGE and GIN layers on a small graph, pooling, batches, a training loop."""

import torch
from report import report, summary
from torch_geometric.data import Batch, Data
from torch_geometric.loader import DataLoader
from torch_geometric.nn import GATConv, GCNConv, GINConv, SAGEConv, global_mean_pool
from torch_geometric.utils import add_self_loops, degree, to_dense_adj

torch.manual_seed(0)
edges = torch.tensor([[0, 1, 1, 2, 3, 4, 4, 0], [1, 0, 2, 1, 4, 3, 0, 4]])
graph = Data(x=torch.randn(5, 6), edge_index=edges, y=torch.tensor([0, 1, 0, 1, 1]))


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = GCNConv(6, 8), GATConv(8, 4, heads=2)
        self.c = SAGEConv(8, 8)
        self.d = GINConv(torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2)))

    def forward(self, x, edge_index, batch=None):
        x = self.a(x, edge_index).relu()
        x = self.c(self.b(x, edge_index).relu(), edge_index).relu()
        x = self.d(x, edge_index)
        return x if batch is None else global_mean_pool(x, batch)


net = Net()
optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
losses = []
for _ in range(5):
    loss = torch.nn.functional.cross_entropy(net(graph.x, graph.edge_index), graph.y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
both = Batch.from_data_list([graph, graph])
pooled = net(both.x, both.edge_index, both.batch)
loaded = [b.num_nodes for b in DataLoader([graph] * 5, batch_size=2)]
looped, _ = add_self_loops(edges)
report(
    losses=losses,
    weights=summary(net.parameters()),
    pooled=pooled,
    loaded=loaded,
    degree=degree(edges[0]),
    dense=to_dense_adj(looped),
)
