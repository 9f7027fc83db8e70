"""The published weights of the models: file names at download.pytorch.org (the last part of each is the beginning of
its SHA-256), how pictures are prepared for them, and the number of parameters. Facts about those files, as torchvision
0.28 lists them."""

from rtorch.vision.models._api import _weights_class

# name of the class: entries (name, file, crop, resize, parameters, smallest picture, more about the preparation); the
# last entry that is marked is DEFAULT
_TABLE = {
    "AlexNet_Weights": (("IMAGENET1K_V1", "alexnet-owt-7be5be79.pth", 224, 256, 61100840, 63, {}, True),),
    "ConvNeXt_Base_Weights": (("IMAGENET1K_V1", "convnext_base-6075fbad.pth", 224, 232, 88591464, 32, {}, True),),
    "ConvNeXt_Large_Weights": (("IMAGENET1K_V1", "convnext_large-ea097f82.pth", 224, 232, 197767336, 32, {}, True),),
    "ConvNeXt_Small_Weights": (("IMAGENET1K_V1", "convnext_small-0c510722.pth", 224, 230, 50223688, 32, {}, True),),
    "ConvNeXt_Tiny_Weights": (("IMAGENET1K_V1", "convnext_tiny-983f1562.pth", 224, 236, 28589128, 32, {}, True),),
    "DenseNet121_Weights": (("IMAGENET1K_V1", "densenet121-a639ec97.pth", 224, 256, 7978856, 29, {}, True),),
    "DenseNet161_Weights": (("IMAGENET1K_V1", "densenet161-8d451a50.pth", 224, 256, 28681000, 29, {}, True),),
    "DenseNet169_Weights": (("IMAGENET1K_V1", "densenet169-b2777c0a.pth", 224, 256, 14149480, 29, {}, True),),
    "DenseNet201_Weights": (("IMAGENET1K_V1", "densenet201-c1103571.pth", 224, 256, 20013928, 29, {}, True),),
    "EfficientNet_B0_Weights": (
        (
            "IMAGENET1K_V1",
            "efficientnet_b0_rwightman-7f5810bc.pth",
            224,
            256,
            5288548,
            1,
            {"interpolation": "bicubic"},
            True,
        ),
    ),
    "EfficientNet_B1_Weights": (
        (
            "IMAGENET1K_V1",
            "efficientnet_b1_rwightman-bac287d4.pth",
            240,
            256,
            7794184,
            1,
            {"interpolation": "bicubic"},
            False,
        ),
        ("IMAGENET1K_V2", "efficientnet_b1-c27df63c.pth", 240, 255, 7794184, 1, {"interpolation": "bilinear"}, True),
    ),
    "EfficientNet_B2_Weights": (
        (
            "IMAGENET1K_V1",
            "efficientnet_b2_rwightman-c35c1473.pth",
            288,
            288,
            9109994,
            1,
            {"interpolation": "bicubic"},
            True,
        ),
    ),
    "EfficientNet_B3_Weights": (
        (
            "IMAGENET1K_V1",
            "efficientnet_b3_rwightman-b3899882.pth",
            300,
            320,
            12233232,
            1,
            {"interpolation": "bicubic"},
            True,
        ),
    ),
    "EfficientNet_B4_Weights": (
        (
            "IMAGENET1K_V1",
            "efficientnet_b4_rwightman-23ab8bcd.pth",
            380,
            384,
            19341616,
            1,
            {"interpolation": "bicubic"},
            True,
        ),
    ),
    "EfficientNet_B5_Weights": (
        (
            "IMAGENET1K_V1",
            "efficientnet_b5_lukemelas-1a07897c.pth",
            456,
            456,
            30389784,
            1,
            {"interpolation": "bicubic"},
            True,
        ),
    ),
    "EfficientNet_B6_Weights": (
        (
            "IMAGENET1K_V1",
            "efficientnet_b6_lukemelas-24a108a5.pth",
            528,
            528,
            43040704,
            1,
            {"interpolation": "bicubic"},
            True,
        ),
    ),
    "EfficientNet_B7_Weights": (
        (
            "IMAGENET1K_V1",
            "efficientnet_b7_lukemelas-c5b4e57e.pth",
            600,
            600,
            66347960,
            1,
            {"interpolation": "bicubic"},
            True,
        ),
    ),
    "EfficientNet_V2_L_Weights": (
        (
            "IMAGENET1K_V1",
            "efficientnet_v2_l-59c71312.pth",
            480,
            480,
            118515272,
            33,
            {"interpolation": "bicubic", "mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)},
            True,
        ),
    ),
    "EfficientNet_V2_M_Weights": (
        (
            "IMAGENET1K_V1",
            "efficientnet_v2_m-dc08266a.pth",
            480,
            480,
            54139356,
            33,
            {"interpolation": "bilinear"},
            True,
        ),
    ),
    "EfficientNet_V2_S_Weights": (
        (
            "IMAGENET1K_V1",
            "efficientnet_v2_s-dd5fe13b.pth",
            384,
            384,
            21458488,
            33,
            {"interpolation": "bilinear"},
            True,
        ),
    ),
    "GoogLeNet_Weights": (("IMAGENET1K_V1", "googlenet-1378be20.pth", 224, 256, 6624904, 15, {}, True),),
    "Inception_V3_Weights": (("IMAGENET1K_V1", "inception_v3_google-0cc3c7bd.pth", 299, 342, 27161264, 75, {}, True),),
    "MNASNet0_5_Weights": (("IMAGENET1K_V1", "mnasnet0.5_top1_67.823-3ffadce67e.pth", 224, 256, 2218512, 1, {}, True),),
    "MNASNet0_75_Weights": (("IMAGENET1K_V1", "mnasnet0_75-7090bc5f.pth", 224, 232, 3170208, 1, {}, True),),
    "MNASNet1_0_Weights": (("IMAGENET1K_V1", "mnasnet1.0_top1_73.512-f206786ef8.pth", 224, 256, 4383312, 1, {}, True),),
    "MNASNet1_3_Weights": (("IMAGENET1K_V1", "mnasnet1_3-a4c69d6f.pth", 224, 232, 6282256, 1, {}, True),),
    "MobileNet_V2_Weights": (
        ("IMAGENET1K_V1", "mobilenet_v2-b0353104.pth", 224, 256, 3504872, 1, {}, False),
        ("IMAGENET1K_V2", "mobilenet_v2-7ebf99e0.pth", 224, 232, 3504872, 1, {}, True),
    ),
    "MobileNet_V3_Large_Weights": (
        ("IMAGENET1K_V1", "mobilenet_v3_large-8738ca79.pth", 224, 256, 5483032, 1, {}, False),
        ("IMAGENET1K_V2", "mobilenet_v3_large-5c1a4163.pth", 224, 232, 5483032, 1, {}, True),
    ),
    "MobileNet_V3_Small_Weights": (
        ("IMAGENET1K_V1", "mobilenet_v3_small-047dcff4.pth", 224, 256, 2542856, 1, {}, True),
    ),
    "ResNeXt101_32X8D_Weights": (
        ("IMAGENET1K_V1", "resnext101_32x8d-8ba56ff5.pth", 224, 256, 88791336, 1, {}, False),
        ("IMAGENET1K_V2", "resnext101_32x8d-110c445d.pth", 224, 232, 88791336, 1, {}, True),
    ),
    "ResNeXt101_64X4D_Weights": (("IMAGENET1K_V1", "resnext101_64x4d-173b62eb.pth", 224, 232, 83455272, 1, {}, True),),
    "ResNeXt50_32X4D_Weights": (
        ("IMAGENET1K_V1", "resnext50_32x4d-7cdf4587.pth", 224, 256, 25028904, 1, {}, False),
        ("IMAGENET1K_V2", "resnext50_32x4d-1a0047aa.pth", 224, 232, 25028904, 1, {}, True),
    ),
    "ResNet101_Weights": (
        ("IMAGENET1K_V1", "resnet101-63fe2227.pth", 224, 256, 44549160, 1, {}, False),
        ("IMAGENET1K_V2", "resnet101-cd907fc2.pth", 224, 232, 44549160, 1, {}, True),
    ),
    "ResNet152_Weights": (
        ("IMAGENET1K_V1", "resnet152-394f9c45.pth", 224, 256, 60192808, 1, {}, False),
        ("IMAGENET1K_V2", "resnet152-f82ba261.pth", 224, 232, 60192808, 1, {}, True),
    ),
    "ResNet18_Weights": (("IMAGENET1K_V1", "resnet18-f37072fd.pth", 224, 256, 11689512, 1, {}, True),),
    "ResNet34_Weights": (("IMAGENET1K_V1", "resnet34-b627a593.pth", 224, 256, 21797672, 1, {}, True),),
    "ResNet50_Weights": (
        ("IMAGENET1K_V1", "resnet50-0676ba61.pth", 224, 256, 25557032, 1, {}, False),
        ("IMAGENET1K_V2", "resnet50-11ad3fa6.pth", 224, 232, 25557032, 1, {}, True),
    ),
    "ShuffleNet_V2_X0_5_Weights": (
        ("IMAGENET1K_V1", "shufflenetv2_x0.5-f707e7126e.pth", 224, 256, 1366792, 1, {}, True),
    ),
    "ShuffleNet_V2_X1_0_Weights": (
        ("IMAGENET1K_V1", "shufflenetv2_x1-5666bf0f80.pth", 224, 256, 2278604, 1, {}, True),
    ),
    "ShuffleNet_V2_X1_5_Weights": (
        ("IMAGENET1K_V1", "shufflenetv2_x1_5-3c479a10.pth", 224, 232, 3503624, 1, {}, True),
    ),
    "ShuffleNet_V2_X2_0_Weights": (
        ("IMAGENET1K_V1", "shufflenetv2_x2_0-8be3c8ee.pth", 224, 232, 7393996, 1, {}, True),
    ),
    "SqueezeNet1_0_Weights": (("IMAGENET1K_V1", "squeezenet1_0-b66bff10.pth", 224, 256, 1248424, 21, {}, True),),
    "SqueezeNet1_1_Weights": (("IMAGENET1K_V1", "squeezenet1_1-b8a52dc0.pth", 224, 256, 1235496, 17, {}, True),),
    "VGG11_BN_Weights": (("IMAGENET1K_V1", "vgg11_bn-6002323d.pth", 224, 256, 132868840, 32, {}, True),),
    "VGG11_Weights": (("IMAGENET1K_V1", "vgg11-8a719046.pth", 224, 256, 132863336, 32, {}, True),),
    "VGG13_BN_Weights": (("IMAGENET1K_V1", "vgg13_bn-abd245e5.pth", 224, 256, 133053736, 32, {}, True),),
    "VGG13_Weights": (("IMAGENET1K_V1", "vgg13-19584684.pth", 224, 256, 133047848, 32, {}, True),),
    "VGG16_BN_Weights": (("IMAGENET1K_V1", "vgg16_bn-6c64b313.pth", 224, 256, 138365992, 32, {}, True),),
    "VGG16_Weights": (
        ("IMAGENET1K_V1", "vgg16-397923af.pth", 224, 256, 138357544, 32, {}, True),
        (
            "IMAGENET1K_FEATURES",
            "vgg16_features-amdegroot-88682ab5.pth",
            224,
            256,
            138357544,
            32,
            {
                "mean": (0.48235, 0.45882, 0.40784),
                "std": (0.00392156862745098, 0.00392156862745098, 0.00392156862745098),
            },
            False,
        ),
    ),
    "VGG19_BN_Weights": (("IMAGENET1K_V1", "vgg19_bn-c79401a0.pth", 224, 256, 143678248, 32, {}, True),),
    "VGG19_Weights": (("IMAGENET1K_V1", "vgg19-dcbb9e9d.pth", 224, 256, 143667240, 32, {}, True),),
    "ViT_B_16_Weights": (
        ("IMAGENET1K_V1", "vit_b_16-c867db91.pth", 224, 256, 86567656, 224, {}, True),
        (
            "IMAGENET1K_SWAG_E2E_V1",
            "vit_b_16_swag-9ac1b537.pth",
            384,
            384,
            86859496,
            384,
            {"interpolation": "bicubic"},
            False,
        ),
        (
            "IMAGENET1K_SWAG_LINEAR_V1",
            "vit_b_16_lc_swag-4e70ced5.pth",
            224,
            224,
            86567656,
            224,
            {"interpolation": "bicubic"},
            False,
        ),
    ),
    "ViT_B_32_Weights": (("IMAGENET1K_V1", "vit_b_32-d86f8d99.pth", 224, 256, 88224232, 224, {}, True),),
    "ViT_H_14_Weights": (
        (
            "IMAGENET1K_SWAG_E2E_V1",
            "vit_h_14_swag-80465313.pth",
            518,
            518,
            633470440,
            518,
            {"interpolation": "bicubic"},
            True,
        ),
        (
            "IMAGENET1K_SWAG_LINEAR_V1",
            "vit_h_14_lc_swag-c1eb923e.pth",
            224,
            224,
            632045800,
            224,
            {"interpolation": "bicubic"},
            False,
        ),
    ),
    "ViT_L_16_Weights": (
        ("IMAGENET1K_V1", "vit_l_16-852ce7e3.pth", 224, 242, 304326632, 224, {}, True),
        (
            "IMAGENET1K_SWAG_E2E_V1",
            "vit_l_16_swag-4f3808c9.pth",
            512,
            512,
            305174504,
            512,
            {"interpolation": "bicubic"},
            False,
        ),
        (
            "IMAGENET1K_SWAG_LINEAR_V1",
            "vit_l_16_lc_swag-4d563306.pth",
            224,
            224,
            304326632,
            224,
            {"interpolation": "bicubic"},
            False,
        ),
    ),
    "ViT_L_32_Weights": (("IMAGENET1K_V1", "vit_l_32-c7638314.pth", 224, 256, 306535400, 224, {}, True),),
    "Wide_ResNet101_2_Weights": (
        ("IMAGENET1K_V1", "wide_resnet101_2-32ee1156.pth", 224, 256, 126886696, 1, {}, False),
        ("IMAGENET1K_V2", "wide_resnet101_2-d733dc28.pth", 224, 232, 126886696, 1, {}, True),
    ),
    "Wide_ResNet50_2_Weights": (
        ("IMAGENET1K_V1", "wide_resnet50_2-95faca4d.pth", 224, 256, 68883240, 1, {}, False),
        ("IMAGENET1K_V2", "wide_resnet50_2-9ba9bcbe.pth", 224, 232, 68883240, 1, {}, True),
    ),
}

for _name, _entries in _TABLE.items():
    globals()[_name] = _weights_class(_name, _entries)
__all__ = list(_TABLE)
