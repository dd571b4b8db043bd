package compat;

import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.ha.HAServiceProtocol;
import org.apache.hadoop.ha.HAServiceStatus;
import org.apache.hadoop.ha.HealthCheckFailedException;
import org.apache.hadoop.ha.ServiceFailedException;
import org.apache.hadoop.ha.proto.HAServiceProtocolProtos.HAServiceProtocolService;
import org.apache.hadoop.ha.protocolPB.HAServiceProtocolPB;
import org.apache.hadoop.ha.protocolPB.HAServiceProtocolServerSideTranslatorPB;
import org.apache.hadoop.ipc.ProtobufRpcEngine2;
import org.apache.hadoop.ipc.RPC;

/** A service that can be active or standby, and does nothing else. */
public class Service implements HAServiceProtocol {
    private HAServiceState state = HAServiceState.STANDBY;
    private boolean isSick;

    public void serve(Configuration conf, Target target) throws java.io.IOException {
        RPC.setProtocolEngine(conf, HAServiceProtocolPB.class, ProtobufRpcEngine2.class);
        new RPC.Builder(conf)
                .setProtocol(HAServiceProtocolPB.class)
                .setInstance(HAServiceProtocolService.newReflectiveBlockingService(
                        new HAServiceProtocolServerSideTranslatorPB(this)))
                .setBindAddress(target.getAddress().getHostString())
                .setPort(target.getAddress().getPort())
                .setNumHandlers(3)
                .build()
                .start();
    }

    public synchronized void setSick(boolean sick) {
        isSick = sick;
    }

    private synchronized void become(HAServiceState newState) {
        System.out.println("candidate: " + newState);
        state = newState;
    }

    @Override
    public synchronized void monitorHealth() throws HealthCheckFailedException {
        if (isSick) {
            throw new HealthCheckFailedException("told to be sick");
        }
    }

    @Override
    public synchronized void transitionToActive(StateChangeRequestInfo request)
            throws ServiceFailedException {
        if (isSick) {
            throw new ServiceFailedException("told to be sick");
        }
        become(HAServiceState.ACTIVE);
    }

    @Override
    public void transitionToStandby(StateChangeRequestInfo request) {
        become(HAServiceState.STANDBY);
    }

    @Override
    public void transitionToObserver(StateChangeRequestInfo request) throws ServiceFailedException {
        throw new ServiceFailedException("there are no observers");
    }

    @Override
    public synchronized HAServiceStatus getServiceStatus() {
        return new HAServiceStatus(state).setReadyToBecomeActive();
    }
}
