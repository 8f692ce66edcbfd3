"""One call over TLS 1.3, with a certificate of one's own or without; and what it is refused."""
import ssl

from pangea import connect, options, run


async def main():
    context = ssl.create_default_context(cafile=options["ca"])
    context.check_hostname = False
    if "certificate" in options:
        context.load_cert_chain(options["certificate"], options["key"])
    if options.get("version") == "1.2":
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    try:
        _, node = await connect(tls=context)
        about = await node.about()
        return {"nodeId": about.nodeId}
    except Exception as error:
        return {"refused": type(error).__name__}


run(main)
