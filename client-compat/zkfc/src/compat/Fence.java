package compat;

import org.apache.hadoop.ha.FenceMethod;
import org.apache.hadoop.ha.HAServiceTarget;

/** Fences by saying so. */
public class Fence implements FenceMethod {
    @Override
    public void checkArgs(String args) {
        // It has none.
    }

    @Override
    public boolean tryFence(HAServiceTarget target, String args) {
        System.out.println("candidate: fenced " + target);
        return true;
    }
}
