"""kornia: colours, filters, warps, augmentation, losses and features of pictures, with gradients."""

import kornia as K
import torch
from report import report

torch.manual_seed(0)
x = torch.rand(2, 3, 32, 32, requires_grad=True)
turned = K.geometry.transform.rotate(x, torch.tensor([30.0, -45.0]))
blurred = K.filters.gaussian_blur2d(turned, (5, 5), (1.5, 1.5))
edges = K.filters.sobel(K.color.rgb_to_grayscale(blurred))
loss = edges.mean() + K.losses.ssim_loss(x, blurred, 5) + K.losses.total_variation(x).mean() * 1e-3
loss.backward()
torch.manual_seed(1)
augmented = K.augmentation.AugmentationSequential(
    K.augmentation.RandomHorizontalFlip(p=0.5),
    K.augmentation.RandomAffine(20.0, p=1.0),
    K.augmentation.ColorJitter(0.2, 0.2, 0.2, 0.1, p=1.0),
)(x.detach())
lab = K.color.rgb_to_lab(x.detach())
H = torch.tensor([[[1.0, 0.1, 0.0], [0.05, 1.0, 0.0], [0.001, 0.0, 1.0]]]).expand(2, 3, 3)
warped = K.geometry.transform.warp_perspective(x.detach(), H, (24, 24))
corners = K.feature.harris_response(K.color.rgb_to_grayscale(x.detach()))
report(
    loss=loss,
    grad=x.grad.abs().sum(),
    augmented=augmented.abs().sum(),
    lab=lab.abs().sum(),
    warped=warped.abs().sum(),
    corners=corners.abs().sum(),
    canny=K.filters.canny(x.detach())[1].sum(),
    equalized=K.enhance.equalize(x.detach()).sum(),
)
