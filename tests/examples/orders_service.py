# orders_service.py
import os

from flask import Flask, request

from amqptool import BlockingPublisher, BrokerError, Message, PublishError

app = Flask(__name__)
publisher = BlockingPublisher(os.environ["AMQPTOOL_URL"])  # for all threads; a forked process gets its own connection


@app.post("/orders")
def order():
    confirmed = publisher.publish(Message.encode(request.get_json(), routing_key="tasks"))
    return {"id": confirmed.message.message_id, "process": os.getpid()}, 202


@app.errorhandler(BrokerError)
@app.errorhandler(PublishError)
def not_accepted(error):
    return {"error": str(error)}, 503
