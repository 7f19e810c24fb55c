# releases_service.py
import os

from quart import Quart, request

from amqptool import BrokerError, Delivery, Message, Publisher, PublishError, Worker, running

URL = os.environ["AMQPTOOL_URL"]
app = Quart(__name__)
app.announced = []


async def announce(delivery: Delivery) -> None:
    app.announced.append(delivery.decode())


@app.while_serving
async def lifespan():
    worker = Worker(URL, "notifications", announce, dedup="sqlite:///notifications.db")
    async with Publisher(URL) as app.publisher, running(worker):
        yield


@app.post("/releases")
async def release():
    message = Message.encode(await request.get_json(), exchange="incoming", routing_key="publish.newsletter")
    confirmed = await app.publisher.publish(message)
    return {"id": confirmed.message.message_id}, 202


@app.get("/announced")
async def announced():
    return app.announced


@app.errorhandler(BrokerError)
@app.errorhandler(PublishError)
async def not_accepted(error):
    return {"error": str(error)}, 503
