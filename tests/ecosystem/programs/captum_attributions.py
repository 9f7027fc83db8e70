"""captum: attributions of a small network by gradients, perturbation and layers."""

import numpy as np
import torch
from captum.attr import (
    DeepLift,
    FeatureAblation,
    GradientShap,
    GuidedBackprop,
    InputXGradient,
    IntegratedGradients,
    LayerConductance,
    LayerGradCam,
    NoiseTunnel,
    Occlusion,
    Saliency,
)
from report import report

torch.manual_seed(0)
net = torch.nn.Sequential(
    torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU(), torch.nn.MaxPool2d(2), torch.nn.Flatten(), torch.nn.Linear(36, 3)
).eval()
x = torch.rand(2, 1, 8, 8, requires_grad=True)
zero = torch.zeros_like(x)
found = {
    "saliency": Saliency(net).attribute(x, target=1),
    "integrated": IntegratedGradients(net).attribute(x, zero, target=1, n_steps=10),
    "input_x_gradient": InputXGradient(net).attribute(x, target=0),
    "deeplift": DeepLift(net).attribute(x, zero, target=1),
    "guided": GuidedBackprop(net).attribute(x, target=2),
    "ablation": FeatureAblation(net).attribute(x, target=1),
    "occlusion": Occlusion(net).attribute(x, target=1, sliding_window_shapes=(1, 3, 3)),
    "conductance": LayerConductance(net, net[0]).attribute(x, zero, target=1, n_steps=8),
    "gradcam": LayerGradCam(net, net[0]).attribute(x, target=1),
}
torch.manual_seed(1)
np.random.seed(1)
found["shap"] = GradientShap(net).attribute(x, zero, target=1, n_samples=4)
torch.manual_seed(1)
found["tunnel"] = NoiseTunnel(Saliency(net)).attribute(x, target=1, nt_samples=3, nt_type="smoothgrad")
report(**{k: v.abs().sum().item() for k, v in found.items()})
