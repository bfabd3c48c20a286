"""How a PC and a phone come to trust the local authority: what ``hub tls init`` prints."""

from __future__ import annotations

from hub.api.tls import TlsFiles


def guide(files: TlsFiles, port: int = 8443) -> str:
    """The next steps, in Chinese and in English."""
    address = files.names[0]
    host = f"[{address}]" if ":" in address else address
    return _TEXT.format(
        ca=files.ca_cert.resolve(), key=files.ca_key.resolve(), cert=files.cert.resolve(),
        server_key=files.key.resolve(),
        fingerprint=files.fingerprint, names=", ".join(files.names), url=f"https://{host}:{port}/", port=port,
    )  # fmt: skip


_TEXT = """\
本地证书颁发机构与服务器证书已生成 · Made a local authority and a server certificate
  CA:          {ca}
  SHA-256:     {fingerprint}
  certificate: {cert}
  for:         {names}

1. 启动 · Start
  HUB_TLS_CERT={cert} HUB_TLS_KEY={server_key} hub serve --listen 0.0.0.0:{port}
  打开 · open  {url}

2. 让设备信任它 · Let devices trust it
  只把 ca.crt 交给设备（U 盘或内网），并核对上面的指纹。{key} 须妥善保管，绝不外传。
  Hand only ca.crt to devices (USB stick, intranet), and compare the fingerprint above. Keep {key} safe; never
  hand it out.

  Windows   以管理员身份运行 · as administrator:
              certutil -addstore -f Root ca.crt
            或双击 ca.crt → 安装证书 → 本地计算机 → 受信任的根证书颁发机构
            or double-click ca.crt → Install → Local Machine → Trusted Root Certification Authorities
            Firefox: 设置 → 隐私与安全 → 查看证书 → 导入 · Settings → Privacy & Security → View Certificates → Import
  Linux     sudo cp ca.crt /usr/local/share/ca-certificates/recorder-hub.crt && sudo update-ca-certificates
            Chromium: certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n recorder-hub -i ca.crt   (libnss3-tools)
  Android   设置 → 安全 → 加密与凭据 → 安装证书 → CA 证书 → ca.crt（需设锁屏密码；Chrome 信任，Firefox 不信任）
            Settings → Security → Encryption & credentials → Install a certificate → CA certificate → ca.crt
            (needs a screen lock; Chrome trusts it, Firefox does not by default)
  iPhone    用“隔空投送”或邮件打开 ca.crt → 设置 → 已下载描述文件 → 安装；
            再到 设置 → 通用 → 关于本机 → 证书信任设置，打开开关
            Open ca.crt (AirDrop, mail) → Settings → Profile Downloaded → Install; then
            Settings → General → About → Certificate Trust Settings: switch it on

3. 地址变了或证书将到期，再运行一次本命令并重启中枢；设备无需重新信任。
   When addresses change or the certificate ends (397 days), run this again and restart the hub; devices need
   nothing new.
"""
