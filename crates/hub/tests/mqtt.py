"""A client of MQTT over WebSocket, driven by lines of JSON on its standard input; says what happened as lines of JSON."""

import json
import sys

import paho.mqtt.client as mqtt

host, port, username = sys.argv[1], int(sys.argv[2]), sys.argv[3]


def say(**what):
    print(json.dumps(what), flush=True)


client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, transport="websockets", reconnect_on_failure=False)
client.ws_set_options(path="/mqtt")
client.username_pw_set(username, "anything")
client.on_connect = lambda c, u, flags, reason, p: say(connected=not reason.is_failure, reason=str(reason))
client.on_disconnect = lambda c, u, flags, reason, p: say(disconnected=str(reason))
client.on_subscribe = lambda c, u, mid, reasons, p: say(granted=[not reason.is_failure for reason in reasons])
client.on_message = lambda c, u, message: say(
    topic=message.topic, payload=json.loads(message.payload), qos=message.qos, retain=message.retain
)
client.connect(host, port, keepalive=30)
client.loop_start()
for line in sys.stdin:
    order = json.loads(line)
    if "subscribe" in order:
        client.subscribe([(topic, 1) for topic in order["subscribe"]])
    elif "publish" in order:
        client.publish(order["publish"], "1", qos=1)
client.loop_stop()
