"""The backbones of the benchmark in PyTorch, as a user would have them: eager, with the official module names.

State-dict keys are those of this package, so that both sides get the same weights (`seeded.py`) and their outputs can be
compared. Every network returns its pyramid of four maps, N x C x H x W.
"""

import torch
import torch.nn.functional as F
from torch import nn

# --- MogaNet (arXiv 2211.03295), as in the official models/moganet.py ---------------------------------------------------


class ElementScale(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.scale = nn.Parameter(torch.empty(1, channels, 1, 1))

    def forward(self, x):
        return x * self.scale


class MultiOrderDWConv(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.middle, self.high = channels * 3 // 8, channels * 4 // 8
        self.low = channels - self.middle - self.high
        depthwise = lambda c, kernel, dilation: nn.Conv2d(
            c, c, kernel, padding=dilation * (kernel // 2), dilation=dilation, groups=c
        )
        self.DW_conv0 = depthwise(channels, 5, 1)
        self.DW_conv1 = depthwise(self.middle, 5, 2)
        self.DW_conv2 = depthwise(self.high, 7, 3)
        self.PW_conv = nn.Conv2d(channels, channels, 1)

    def forward(self, x):
        x0 = self.DW_conv0(x)
        x1 = self.DW_conv1(x0[:, self.low : self.low + self.middle])
        x2 = self.DW_conv2(x0[:, self.low + self.middle :])
        return self.PW_conv(torch.cat([x0[:, : self.low], x1, x2], dim=1))


class MultiOrderGatedAggregation(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.proj_1 = nn.Conv2d(channels, channels, 1)
        self.gate = nn.Conv2d(channels, channels, 1)
        self.value = MultiOrderDWConv(channels)
        self.proj_2 = nn.Conv2d(channels, channels, 1)
        self.act_value, self.act_gate = nn.SiLU(), nn.SiLU()
        self.sigma = ElementScale(channels)

    def forward(self, x):
        z = self.proj_1(x)
        z = z + self.sigma(z - F.adaptive_avg_pool2d(z, 1))
        z = self.act_value(z)
        return self.proj_2(self.act_gate(self.gate(z)) * self.act_gate(self.value(z))) + x


class ChannelAggregationFFN(nn.Module):
    def __init__(self, channels, hidden):
        super().__init__()
        self.fc1 = nn.Conv2d(channels, hidden, 1)
        self.dwconv = nn.Conv2d(hidden, hidden, 3, padding=1, groups=hidden)
        self.act, self.decompose_act = nn.GELU(), nn.GELU()
        self.fc2 = nn.Conv2d(hidden, channels, 1)
        self.decompose = nn.Conv2d(hidden, 1, 1)
        self.sigma = ElementScale(hidden)

    def forward(self, x):
        x = self.act(self.dwconv(self.fc1(x)))
        x = x + self.sigma(x - self.decompose_act(self.decompose(x)))
        return self.fc2(x)


class MogaBlock(nn.Module):
    def __init__(self, channels, ratio):
        super().__init__()
        self.norm1, self.norm2 = nn.BatchNorm2d(channels), nn.BatchNorm2d(channels)
        self.attn = MultiOrderGatedAggregation(channels)
        self.mlp = ChannelAggregationFFN(channels, channels * ratio)
        self.layer_scale_1 = nn.Parameter(torch.empty(1, channels, 1, 1))
        self.layer_scale_2 = nn.Parameter(torch.empty(1, channels, 1, 1))

    def forward(self, x):
        x = x + self.layer_scale_1 * self.attn(self.norm1(x))
        return x + self.layer_scale_2 * self.mlp(self.norm2(x))


class StackConvPatchEmbed(nn.Module):
    def __init__(self, channels):
        super().__init__()
        half = channels // 2
        self.projection = nn.Sequential(
            nn.Conv2d(3, half, 3, 2, 1), nn.BatchNorm2d(half), nn.GELU(),
            nn.Conv2d(half, channels, 3, 2, 1), nn.BatchNorm2d(channels),
        )  # fmt: skip

    def forward(self, x):
        return self.projection(x)


class ConvPatchEmbed(nn.Module):
    def __init__(self, channels_in, channels):
        super().__init__()
        self.projection = nn.Conv2d(channels_in, channels, 3, 2, 1)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x):
        return self.norm(self.projection(x))


class MogaNet(nn.Module):
    def __init__(self, dims, depths, ratios=(8, 8, 4, 4)):
        super().__init__()
        for i, (channels, depth, ratio) in enumerate(zip(dims, depths, ratios), 1):
            embed = StackConvPatchEmbed(channels) if i == 1 else ConvPatchEmbed(dims[i - 2], channels)
            setattr(self, f"patch_embed{i}", embed)
            setattr(self, f"blocks{i}", nn.ModuleList(MogaBlock(channels, ratio) for _ in range(depth)))
            setattr(self, f"norm{i}", nn.BatchNorm2d(channels))

    def forward(self, x):
        pyramid = []
        for i in range(1, 5):
            x = getattr(self, f"patch_embed{i}")(x)
            for block in getattr(self, f"blocks{i}"):
                x = block(x)
            x = getattr(self, f"norm{i}")(x)
            pyramid.append(x)
        return tuple(pyramid)


# --- the head of mmpose's HeatmapHead ------------------------------------------------------------------------------------


class Pose(nn.Module):
    def __init__(self, backbone, joints=17, channels=(256, 256, 256)):
        super().__init__()
        self.backbone = backbone
        layers, before = [], backbone.norm4.num_features
        for count in channels:
            layers += [nn.ConvTranspose2d(before, count, 4, 2, 1, bias=False), nn.BatchNorm2d(count), nn.ReLU()]
            before = count
        self.keypoint_head = nn.Sequential(*layers, nn.Conv2d(before, joints, 1))

    def forward(self, x):
        return self.keypoint_head(self.backbone(x)[-1])


# --- ResNet (arXiv 1512.03385), as in torchvision -----------------------------------------------------------------------


class Bottleneck(nn.Module):
    def __init__(self, channels_in, width, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(channels_in, width, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width)
        self.conv3, self.bn3 = nn.Conv2d(width, 4 * width, 1, bias=False), nn.BatchNorm2d(4 * width)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = None
        if stride != 1 or channels_in != 4 * width:
            self.downsample = nn.Sequential(
                nn.Conv2d(channels_in, 4 * width, 1, stride, bias=False), nn.BatchNorm2d(4 * width)
            )

    def forward(self, x):
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return self.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Module):
    def __init__(self, depths):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64)
        self.relu, self.maxpool = nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)
        channels = 64
        for i, depth in enumerate(depths):
            blocks = []
            for j in range(depth):
                blocks.append(Bottleneck(channels, 64 * 2**i, 2 if i > 0 and j == 0 else 1))
                channels = 256 * 2**i
            setattr(self, f"layer{i + 1}", nn.Sequential(*blocks))

    def forward(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        pyramid = []
        for i in range(1, 5):
            x = getattr(self, f"layer{i}")(x)
            pyramid.append(x)
        return tuple(pyramid)


# --- ConvNeXt (arXiv 2201.03545), as in the official models/convnext.py and its detection form ---------------------------


class LayerNorm2d(nn.LayerNorm):
    """Over the channels of every position of an N x C x H x W map."""

    def forward(self, x):
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class ConvNextBlock(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.dwconv = nn.Conv2d(channels, channels, 7, padding=3, groups=channels)
        self.norm = nn.LayerNorm(channels, eps=1e-6)
        self.pwconv1, self.pwconv2 = nn.Linear(channels, 4 * channels), nn.Linear(4 * channels, channels)
        self.act = nn.GELU()
        self.gamma = nn.Parameter(torch.empty(channels))

    def forward(self, x):
        y = self.dwconv(x).permute(0, 2, 3, 1)
        y = self.pwconv2(self.act(self.pwconv1(self.norm(y))))
        return x + (self.gamma * y).permute(0, 3, 1, 2)


class ConvNext(nn.Module):
    def __init__(self, dims, depths):
        super().__init__()
        stems = [nn.Sequential(nn.Conv2d(3, dims[0], 4, 4), LayerNorm2d(dims[0], eps=1e-6))]
        for before, after in zip(dims, dims[1:]):
            stems.append(nn.Sequential(LayerNorm2d(before, eps=1e-6), nn.Conv2d(before, after, 2, 2)))
        self.downsample_layers = nn.ModuleList(stems)
        self.stages = nn.ModuleList(
            nn.Sequential(*(ConvNextBlock(channels) for _ in range(depth))) for channels, depth in zip(dims, depths)
        )
        for i, channels in enumerate(dims):
            setattr(self, f"norm{i}", LayerNorm2d(channels, eps=1e-6))

    def forward(self, x):
        pyramid = []
        for i, stage in enumerate(self.stages):
            x = stage(self.downsample_layers[i](x))
            pyramid.append(getattr(self, f"norm{i}")(x))
        return tuple(pyramid)


# --- Swin (arXiv 2103.14030), as in Microsoft's detection repository: any size, padded to whole windows -------------------


def to_windows(x, window):
    """N x H x W x C to (N * windows) x window^2 x C."""
    n, height, width, channels = x.shape
    x = x.reshape(n, height // window, window, width // window, window, channels)
    return x.permute(0, 1, 3, 2, 4, 5).reshape(-1, window * window, channels)


class WindowAttention(nn.Module):
    def __init__(self, channels, heads, window):
        super().__init__()
        self.heads, self.window = heads, window
        self.scale = (channels // heads) ** -0.5
        self.qkv, self.proj = nn.Linear(channels, 3 * channels), nn.Linear(channels, channels)
        self.relative_position_bias_table = nn.Parameter(torch.empty((2 * window - 1) ** 2, heads))
        rows, columns = torch.meshgrid(torch.arange(window), torch.arange(window), indexing="ij")
        place = torch.stack([rows.flatten(), columns.flatten()])
        apart = place[:, :, None] - place[:, None, :] + window - 1
        self.register_buffer("relative_position_index", apart[0] * (2 * window - 1) + apart[1])

    def forward(self, x, mask):
        count, positions, channels = x.shape
        qkv = self.qkv(x).reshape(count, positions, 3, self.heads, channels // self.heads).permute(2, 0, 3, 1, 4)
        q, k, v = qkv[0] * self.scale, qkv[1], qkv[2]
        bias = self.relative_position_bias_table[self.relative_position_index.view(-1)]
        scores = q @ k.transpose(-2, -1) + bias.view(positions, positions, self.heads).permute(2, 0, 1)
        if mask is not None:
            windows = mask.shape[0]
            scores = scores.view(-1, windows, self.heads, positions, positions) + mask[:, None]
            scores = scores.view(-1, self.heads, positions, positions)
        y = (scores.softmax(dim=-1) @ v).transpose(1, 2).reshape(count, positions, channels)
        return self.proj(y)


class Mlp(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.fc1, self.act, self.fc2 = nn.Linear(channels, 4 * channels), nn.GELU(), nn.Linear(4 * channels, channels)

    def forward(self, x):
        return self.fc2(self.act(self.fc1(x)))


class SwinBlock(nn.Module):
    def __init__(self, channels, heads, window, shift):
        super().__init__()
        self.window, self.shift = window, shift
        self.norm1, self.norm2 = nn.LayerNorm(channels), nn.LayerNorm(channels)
        self.attn = WindowAttention(channels, heads, window)
        self.mlp = Mlp(channels)

    def forward(self, x, mask):
        n, height, width, channels = x.shape
        window, shift = self.window, self.shift
        y = F.pad(self.norm1(x), (0, 0, 0, -width % window, 0, -height % window))
        _, padded_height, padded_width, _ = y.shape
        if shift:
            y = torch.roll(y, (-shift, -shift), dims=(1, 2))
        y = self.attn(to_windows(y, window), mask if shift else None)
        y = y.view(n, padded_height // window, padded_width // window, window, window, channels)
        y = y.permute(0, 1, 3, 2, 4, 5).reshape(n, padded_height, padded_width, channels)
        if shift:
            y = torch.roll(y, (shift, shift), dims=(1, 2))
        x = x + y[:, :height, :width]
        return x + self.mlp(self.norm2(x))


class PatchMerging(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.norm, self.reduction = nn.LayerNorm(4 * channels), nn.Linear(4 * channels, 2 * channels, bias=False)

    def forward(self, x):
        x = F.pad(x, (0, 0, 0, x.shape[2] % 2, 0, x.shape[1] % 2))
        corners = [x[:, 0::2, 0::2], x[:, 1::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 1::2]]
        return self.reduction(self.norm(torch.cat(corners, dim=-1)))


class SwinStage(nn.Module):
    def __init__(self, channels, depth, heads, window, last):
        super().__init__()
        self.window = window
        self.blocks = nn.ModuleList(
            SwinBlock(channels, heads, window, window // 2 if j % 2 else 0) for j in range(depth)
        )
        if not last:
            self.downsample = PatchMerging(channels)

    def mask(self, x):
        """-100 between positions that the shift brought together, once per stage."""
        window, shift = self.window, self.window // 2

        def areas(extent):
            place = torch.arange(extent + -extent % window, device=x.device)
            end = extent + -extent % window
            return (place >= end - window).long() + (place >= end - shift).long()

        area = 3 * areas(x.shape[1])[:, None] + areas(x.shape[2])[None, :]
        area = to_windows(area[None, :, :, None], window).squeeze(-1)
        return (area[:, None, :] != area[:, :, None]).to(x.dtype) * -100.0

    def forward(self, x):
        mask = self.mask(x)
        for block in self.blocks:
            x = block(x, mask)
        return x


class PatchEmbed(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.proj, self.norm = nn.Conv2d(3, channels, 4, 4), nn.LayerNorm(channels)

    def forward(self, image):
        image = F.pad(image, (0, -image.shape[3] % 4, 0, -image.shape[2] % 4))
        return self.norm(self.proj(image).permute(0, 2, 3, 1))


class Swin(nn.Module):
    def __init__(self, dim, depths, heads, window=7):
        super().__init__()
        self.patch_embed = PatchEmbed(dim)
        last = len(depths) - 1
        self.layers = nn.ModuleList(
            SwinStage(dim * 2**i, depth, heads[i], window, i == last) for i, depth in enumerate(depths)
        )
        for i in range(len(depths)):
            setattr(self, f"norm{i}", nn.LayerNorm(dim * 2**i))

    def forward(self, image):
        x = self.patch_embed(image)
        pyramid = []
        for i, stage in enumerate(self.layers):
            x = stage(x)
            pyramid.append(getattr(self, f"norm{i}")(x).permute(0, 3, 1, 2))
            if i < len(self.layers) - 1:
                x = stage.downsample(x)
        return tuple(pyramid)


networks = {
    "moganet_xt": lambda: MogaNet((32, 64, 96, 192), (3, 3, 10, 2)),
    "moganet_t": lambda: MogaNet((32, 64, 128, 256), (3, 3, 12, 2)),
    "moganet_s": lambda: MogaNet((64, 128, 320, 512), (2, 3, 12, 2)),
    "moganet_b": lambda: MogaNet((64, 160, 320, 512), (4, 6, 22, 3)),
    "resnet_50": lambda: ResNet((3, 4, 6, 3)),
    "convnext_t": lambda: ConvNext((96, 192, 384, 768), (3, 3, 9, 3)),
    "swin_t": lambda: Swin(96, (2, 2, 6, 2), (3, 6, 12, 24)),
}
