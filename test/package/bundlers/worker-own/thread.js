import 'moganet/worker/thread';
